"""The style of every page: light and dark, from phone to desktop widths."""

STYLE = """
:root{color-scheme:light dark;--paper:#fcfcfb;--ink:#14171a;--soft:#5b636b;--line:#dfe2e5;
--card:#f3f4f5;--c1:#2a6fd6;--c2:#d9601a;--c3:#1a8f5f;--c4:#8a4fd0;--warn:#9a5b00}
@media(prefers-color-scheme:dark){:root{--paper:#15171a;--ink:#e9ebed;--soft:#9aa3ab;--line:#33383d;
--card:#1e2125;--c1:#6ea8ff;--c2:#ff9a5c;--c3:#4fcf9a;--c4:#c39bff;--warn:#f0b35a}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1.5rem clamp(1rem,4vw,2.5rem) 4rem;
font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;background:var(--paper);
color:var(--ink);-webkit-text-size-adjust:100%}
h1{font-size:clamp(1.5rem,5vw,2.1rem);line-height:1.15;letter-spacing:-.02em;margin:.5rem 0 .4rem}
h2{font-size:1.2rem;letter-spacing:-.01em;margin:2.6rem 0 .6rem;padding-top:.9rem;
border-top:1px solid var(--line)}
p{margin:.5rem 0;max-width:44rem}
.lead{color:var(--soft);font-size:1.05rem}
figure{margin:1rem 0 1.6rem}
figcaption{color:var(--soft);font-size:.9rem;margin-top:.5rem;max-width:44rem}
figcaption b{color:var(--ink);font-weight:600}
img,video{display:block;max-width:100%;height:auto;border-radius:6px;background:var(--card)}
video{width:100%}
.row{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:.75rem}
.row:has(.plot){grid-template-columns:repeat(auto-fit,minmax(16rem,1fr))}
.row>*{min-width:0}
.row figure{margin:0}
.row img{width:100%}
.row p{font-size:.82rem;color:var(--soft);margin:.3rem 0 0}
.scroll{overflow-x:auto;margin:.6rem 0 1rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;min-width:100%}
caption{text-align:left;font-weight:600;padding:.3rem 0}
th{font-weight:600;font-size:.85rem;color:var(--soft);vertical-align:bottom}
th,td{padding:.32rem .55rem;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0;white-space:normal;min-width:8rem}
th.wide,td.wide{text-align:left;white-space:normal}
tbody tr.apart td{border-top:2px solid var(--line)}
.none{color:var(--soft)}
.empty{border-left:3px solid var(--warn);background:var(--card);padding:.5rem .8rem;
border-radius:0 6px 6px 0;font-size:.92rem;margin:.6rem 0;overflow-wrap:anywhere}
ul{padding-left:1.2rem;margin:.5rem 0;max-width:46rem}
li{margin:.2rem 0;font-size:.92rem;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;font-size:.9rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
.plot{font-size:.75rem;color:var(--soft)}
.plot .keys{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:0 0 .25rem;font-size:.82rem;
color:var(--ink)}
.plot .keys i{display:inline-block;width:1rem;height:.2rem;border-radius:1px;margin-right:.4rem;
vertical-align:middle;background:currentColor}
.plot .area{position:relative;margin:0 .6rem 0 3rem}
.plot .area svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.plot .area img{position:absolute;inset:0;width:100%;height:100%;border-radius:0;
image-rendering:pixelated}
.plot path{fill:none;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.plot .grid{stroke:var(--line);stroke-width:1}
.plot .line{stroke:currentColor;stroke-width:1.7;stroke-linecap:round}
.plot .fill{fill:currentColor;opacity:.3}
.plot .c1{color:var(--c1)}.plot .c2{color:var(--c2)}
.plot .c3{color:var(--c3)}.plot .c4{color:var(--c4)}
.plot .dash{stroke-dasharray:4 5}
.plot .y{position:absolute;right:calc(100% + .4rem);transform:translateY(-50%);white-space:nowrap}
.plot .xs{position:relative;height:1.2rem;margin:0 .6rem 0 3rem}
.plot .x{position:absolute;top:.15rem;transform:translateX(-50%);white-space:nowrap}
.plot .axis{margin:0 .6rem 0 3rem;text-align:right}
.plot .title{color:var(--ink);font-size:.82rem;margin-bottom:.2rem}
@media(max-width:30rem){dl{grid-template-columns:1fr}dt{margin-top:.3rem}}
"""
