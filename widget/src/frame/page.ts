/**
 * What the server wrote on <html>: the app's key and colour, the host's origin, the first language, where the words are, and where
 * the chunks (chunks.ts).
 */

import { loadWords } from "../ui/i18n";

export const page = document.documentElement.dataset;

/** The language asked for, at once; its words follow. "" after they could not be had. */
export let spoken = "";
/** Whose words are on the page: `data-words-es`, `-en`, `-pt` are the frame's own catalogues; chunks have theirs. */
const faces = new Set(["words"]);

/** The page stays in the language it has if the other cannot be had. */
export async function speak(language: string): Promise<void> {
  if (language === spoken || !url("words", language)) return;
  spoken = language;
  await learn().catch(() => {
    spoken = "";
  });
}

/** The words of a chunk, from now on and in whatever language. Raises when they cannot be had. */
export async function speakOf(face: string): Promise<void> {
  faces.add(face);
  await learn().catch((problem) => {
    faces.delete(face);
    throw problem;
  });
}

const url = (face: string, language: string) =>
  document.documentElement.getAttribute(`data-${face}-${language}`) as string;

/** All anew: the browser has kept what it had. */
const learn = () => loadWords(spoken, ...[...faces].map((face) => url(face, spoken)));
