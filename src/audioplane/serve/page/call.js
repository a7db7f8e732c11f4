// A session over WebRTC: the browser plays sound and images; the data channel carries what a
// WebSocket's messages say, without their sounds and images.
const PATIENCE = 6000; // ms to wait for a connection

// `text` gets text, `binary` binary messages, `track` the images and sound, `over` is called once when it
// ends. Throws where it does not come up.
export async function call(url, query, headers, { text, binary, track, over }) {
  const peer = new RTCPeerConnection();
  const channel = peer.createDataChannel("live");
  const speaker = peer.addTransceiver("audio", { direction: "sendrecv" }).sender;
  peer.addTransceiver("video", { direction: "recvonly" });
  let silence = null;
  const close = () => {
    peer.close();
    silence?.close();
    silence = null;
  };
  channel.binaryType = "arraybuffer";
  channel.onmessage = ({ data }) => (typeof data === "string" ? text(JSON.parse(data)) : binary(data));
  peer.ontrack = ({ streams }) => track(streams[0]);
  try {
    await connect(peer, channel, url(`offer?${query}`), headers);
  } catch (error) {
    close();
    throw error;
  }
  channel.onclose = () => { close(); over(); };
  peer.onconnectionstatechange = () => peer.connectionState === "failed" && channel.onclose();
  return {
    close,
    peer,
    speak: (track) => speaker.replaceTrack(track),
    hush: () => { // a sender without a track says goodbye for good
      if (peer.connectionState !== "connected") return;
      silence ??= new AudioContext();
      speaker.replaceTrack(silence.createMediaStreamDestination().stream.getAudioTracks()[0]).catch(() => {});
    },
  };
}

async function connect(peer, channel, address, headers) {
  await peer.setLocalDescription();
  const options = { method: "POST", body: peer.localDescription.sdp };
  const reply = await fetch(address, { ...options, headers: { ...headers, "Content-Type": "application/sdp" } });
  if (!reply.ok) throw new Error(await reply.text());
  await peer.setRemoteDescription({ type: "answer", sdp: await reply.text() });
  await new Promise((resolve, reject) => {
    channel.onopen = resolve;
    setTimeout(() => reject(new Error("no connection")), PATIENCE);
  });
}
