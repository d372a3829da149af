/**
 * A discreet hint before a text is sent that would read like shouting. The twin of chatserver/core/courtesy.py, which says why the
 * rule is as it is; tests/cases/courtesy.json holds the two together.
 */

export type Hint = "capitals" | "marks";

const READ = 2_000;
const OTHERS =
  /```[\s\S]*?(?:```|$)|`[^`\n]*`|"[^"\n]*"|“[^”\n]*”|«[^»\n]*»|\b(?:https?:\/\/|www\.)\S+|\S+@\S+\.\S+/gi;
const MARKS = /(?:[!?¡¿！？] ?){2}[!?¡¿！？]/;
const AROUND = /^[\s.,;:!?¡¿()[\]'…*-]+|[\s.,;:!?¡¿()[\]'…*-]+$/g;
const WORD = /^[A-Za-zÀ-ÖØ-öø-ÿ]+(?:['’-][A-Za-zÀ-ÖØ-öø-ÿ]+)*$/;
const CAPITALS = /^[A-ZÀ-ÖØ-Þ'’-]+$/;
const SPEAKING = new Set(
  (
    "NO SÍ SI ME MI MIS TE TU TUS SE LE LES NOS ES SON ESTÁ ESTÁN ESTAN ESTOY ESTAMOS HAY HAN HA HE YA QUE QUÉ PERO PORQUE " +
    "COMO CÓMO CUANDO CUÁNDO CUANTO CUÁNTO DONDE DÓNDE NADA NADIE NUNCA SIEMPRE ESTO ESTE ESO ESE AHORA HOY SIGUE SIGO PUEDO " +
    "PUEDE PUEDEN QUIERO NECESITO NECESITAMOS TENGO TENEMOS LLEVO UN UNA CADA MUY TAMBIÉN " +
    "I MY IS NOT DON'T DONT CAN'T CANT DOESN'T DOESNT ISN'T WHY WHAT WHEN HOW THIS THAT YOU YOUR ARE WAS STILL NOTHING NEED " +
    "WANT PLEASE NEVER ALWAYS NOW SOMEBODY NOBODY HAVE DO CAN WE " +
    "NÃO NAO MEU MINHA SEU SUA ESTOU VOCÊ VOCÊS VOCES NINGUÉM NINGUEM SEMPRE TUDO ISSO ISTO AGORA HOJE PRECISO QUERO CONSIGO " +
    "MAS QUANDO ONDE UM UMA FOI TEM JÁ AINDA FAVOR EU NOSSO NOSSA CADÊ ALGUÉM"
  ).split(" "),
);
const CRIES = new Set(
  "AYUDA AUXILIO URGENTE SOCORRO RESPONDAN CONTESTEN HELP URGENT AJUDA RESPONDAM".split(" "),
);
const MOSTLY = 0.8;

/** What to say of a text before it is sent, if anything. */
export function hint(text: string): Hint | null {
  const voice = text.slice(0, READ).replace(OTHERS, " ");
  if (shouts(voice)) return "capitals";
  return MARKS.test(voice) ? "marks" : null;
}

function shouts(voice: string): boolean {
  const tokens = voice
    .split(/\s+/)
    .filter(Boolean)
    .map((token) => token.replace(AROUND, ""));
  const words = tokens.filter(Boolean).map((token) => (WORD.test(token) ? token : ""));
  const long = words.filter((word) => word.length > 1);
  const loud = long.filter((word) => CAPITALS.test(word));
  if (!loud.length || loud.length < MOSTLY * long.length) return false;
  if (loud.some((word) => CRIES.has(word))) return true;
  const speaks = words.some((word, at) => {
    const following = words[at + 1] ?? "";
    return speaking(word) && following.length > 1 && CAPITALS.test(following);
  });
  return (
    speaks &&
    (loud.some((word) => word.length >= 4 && !speaking(word)) ||
      words.filter((word) => CAPITALS.test(word)).length >= 4)
  );
}

const speaking = (word: string): boolean => SPEAKING.has(word.replace("’", "'"));
