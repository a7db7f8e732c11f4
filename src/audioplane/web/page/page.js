import "./audioplane-head.js";

const head = document.querySelector("audioplane-head");
const $ = (id) => document.getElementById(id);
const status = (text) => ($("status").textContent = text);

status("Loading …");
head.addEventListener("ready", ({ detail }) => {
  status("Ready");
  $("consent").textContent = `Consent: ${detail.consent}.`;
  for (const id of ["file", "listen", "stop"]) $(id).disabled = false;
});
head.addEventListener("speaking", () => status("Speaking"));
head.addEventListener("listening", () => status("Listening: the head follows your voice"));
head.addEventListener("idle", () => status("Ready"));
head.addEventListener("error", ({ detail }) => status(`It stopped: ${detail.message}`));

$("file").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  if (!file) return;
  try {
    await head.say(file.name, async () => {
      // At the rate that the features need; a context of that rate decodes to it.
      const decoder = new OfflineAudioContext(1, 1, 16000);
      const sound = await decoder.decodeAudioData(await file.arrayBuffer());
      return { samples: mono(sound), rate: sound.sampleRate };
    });
  } catch (error) {
    status(`${file.name} cannot be played here (${error.message})`);
  }
  target.value = "";
});
$("listen").addEventListener("click", () =>
  head.listen().catch((error) => status(`No microphone: ${error.message}`)));
$("stop").addEventListener("click", () => head.stop());

function mono(sound) {
  const out = new Float32Array(sound.length);
  for (let c = 0; c < sound.numberOfChannels; c++)
    sound.getChannelData(c).forEach((x, i) => (out[i] += x / sound.numberOfChannels));
  return out;
}
