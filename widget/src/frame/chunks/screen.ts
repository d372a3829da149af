/** One picture of a screen, a window or a tab that the person chooses, where the browser allows it. */

/** Hosts that frame us by other means than our loader may not have allowed it. */
export function canCapture(): boolean {
  const { featurePolicy } = document as { featurePolicy?: { allowsFeature(name: string): boolean } };
  return (
    Boolean(navigator.mediaDevices?.getDisplayMedia) &&
    featurePolicy?.allowsFeature("display-capture") !== false
  );
}

/** Null when they changed their mind. Raises when it could not be had. */
export async function capture(name: string): Promise<File | null> {
  // The tab that they are in is what they mostly want to show.
  const wanted = { video: true, selfBrowserSurface: "include" } as DisplayMediaStreamOptions;
  const stream = await navigator.mediaDevices.getDisplayMedia(wanted).catch((problem: Error) => {
    if (problem.name === "NotAllowedError") return null;
    throw problem;
  });
  if (!stream) return null;
  try {
    const picture = await frameOf(stream);
    const at = new Date().toISOString().slice(0, 16).replace(/\D/g, "");
    return new File([picture], `${name}-${at}.png`, { type: "image/png" });
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

async function frameOf(stream: MediaStream): Promise<Blob> {
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = stream;
  await video.play();
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")?.drawImage(video, 0, 0);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture")))),
  );
}
