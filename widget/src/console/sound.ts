/** The console's own sounds: two soft sine tones made by code, so that no file is needed and nothing can fail to load. */

import { signal } from "@preact/signals";

let context: AudioContext | null = null;

/** Something should have sounded, and the browser did not let it: it waits for a first key or click on this page. */
export const blocked = signal(false);

const NOTES: Record<"waiting" | "assigned" | "message", readonly [number, number]> = {
  waiting: [587.33, 783.99], // D5 – G5: somebody came
  assigned: [659.25, 987.77], // E5 – B5: somebody is yours
  message: [783.99, 659.25], // G5 – E5: quieter, downwards
};

/** Browsers let a page sound only after a gesture: called at the first key or click. */
export function unlock(): void {
  context ??= typeof AudioContext === "undefined" ? null : new AudioContext();
  if (context?.state === "suspended") void context.resume();
  blocked.value = false;
}

/** True once a gesture allowed sound. */
export const unlocked = (): boolean => context?.state === "running";

export function play(kind: keyof typeof NOTES): void {
  if (context?.state !== "running") {
    // After a gesture it is on its way, or there is no device: nothing that a click would mend.
    blocked.value = context === null;
    return;
  }
  const [first, second] = NOTES[kind];
  const loud = kind === "message" ? 0.1 : 0.18;
  tone(context, first, context.currentTime, loud);
  tone(context, second, context.currentTime + 0.14, loud);
}

function tone(audio: AudioContext, frequency: number, at: number, loud: number): void {
  const oscillator = audio.createOscillator();
  const gain = audio.createGain();
  oscillator.type = "sine";
  oscillator.frequency.value = frequency;
  // A short rise and a long fall: without them the speaker clicks.
  gain.gain.setValueAtTime(0.0001, at);
  gain.gain.exponentialRampToValueAtTime(loud, at + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.42);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(at);
  oscillator.stop(at + 0.45);
}
