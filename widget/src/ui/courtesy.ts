/** A discreet hint before sending something that reads as shouting. It never blocks. */

export type Shouting = "capitals" | "marks" | null;

/** Several words of nothing but capitals (an acronym or a code is none), or three marks in a row. */
export function shouting(text: string): Shouting {
  if (/[!¡]{3}|[?¿]{3}|(?:!\?|\?!){2}/.test(text)) return "marks";
  const letters = text.replace(/https?:\/\/\S+|[^\p{L}\s]/gu, "");
  const words = letters.split(/\s+/).filter((word) => word.length > 1);
  const loud = letters === letters.toUpperCase() && letters !== letters.toLowerCase();
  return loud && words.length >= 3 ? "capitals" : null;
}
