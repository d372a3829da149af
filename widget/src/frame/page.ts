/** What the server wrote on <html>: the app's key and colour, the host's origin, the first language, where the words are. */

import { loadWords } from "../ui/i18n";

export const page = document.documentElement.dataset;

let spoken = "";

/** The page stays in the language it has if the other cannot be had. `data-words-es`, `-en`, `-pt` are the catalogues. */
export async function speak(language: string): Promise<void> {
  const url = document.documentElement.getAttribute(`data-words-${language}`);
  if (!url || language === spoken) return;
  spoken = language;
  await loadWords(language, url).catch(() => {
    spoken = "";
  });
}
