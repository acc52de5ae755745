/** Makes text from strangers safe to look at: nothing hides, nothing turns its neighbours around. */

// Controls, bidi embeddings, overrides and isolates, zero-width and filler characters, tags, line separators.
const HIDDEN =
  "\\u0000-\\u0008\\u000B-\\u001F\\u007F-\\u009F\\u00AD\\u034F\\u061C\\u115F\\u1160\\u17B4\\u17B5\\u180B-\\u180F\\u200B\\u200E\\u200F" +
  "\\u2028-\\u202E\\u2060-\\u206F\\u2800\\u3164\\uFEFF\\uFFA0\\uFFF0-\\uFFFB\\u{E0000}-\\u{E0FFF}";
// Joiners and variation selectors belong in emoji and in many scripts; two in a row do not.
const JOINERS = "\\u200C\\u200D\\uFE00-\\uFE0F";
const FLAG = "\\u{1F3F4}[\\u{E0061}-\\u{E007A}\\u{E0030}-\\u{E0039}]{1,7}\\u{E007F}";

const SUSPICIOUS = new RegExp(
  `(${FLAG}|\\uFE0F\\u200D(?=\\p{Extended_Pictographic}))|([${HIDDEN}][${HIDDEN}${JOINERS}]*|[${JOINERS}][${HIDDEN}${JOINERS}]+)|(\\p{M}{5})\\p{M}+`,
  "gu",
);

/** Spells hidden characters out (`⟨U+202E⟩`, `⟨U+200B ×500⟩`), and lets at most five marks pile up on a letter. */
export function visible(text: string): string {
  return text.replace(
    SUSPICIOUS,
    (all: string, fine: string | undefined, hidden: string | undefined, marks: string | undefined) =>
      fine ?? marks ?? spelled(hidden ?? all),
  );
}

/** A stranger's name as shown; one that would look empty does not. */
export function shownName(author: string): string {
  const shown = visible(author).trim();
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(shown) ? shown : "⟨?⟩";
}

function spelled(run: string): string {
  const characters = Array.from(run);
  const code = (characters[0] as string).codePointAt(0) as number;
  const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  return characters.length === 1 ? `⟨${name}⟩` : `⟨${name} ×${characters.length}⟩`;
}

/** A name that can travel as `<name>`: nothing hidden, no brackets, no line breaks, at most `limit` UTF-16 units. */
export function cleanNick(typed: string, limit: number): string {
  const one = typed
    .replace(new RegExp(`[${HIDDEN}\\uD800-\\uDFFF]|[${JOINERS}]{2,}`, "gu"), "")
    .replace(/[<>\s]+/g, " ")
    .trim();
  let nick = "";
  for (const character of one) {
    if (nick.length + character.length > limit) break;
    nick += character;
  }
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(nick) ? nick.trim() : "";
}

const CLAMP_CHARACTERS = 1500;
const CLAMP_LINES = 24;

/** The beginning of a long text, or null when it is short enough to show whole. */
export function beginningOf(text: string): string | null {
  let end = Math.min(text.length, CLAMP_CHARACTERS);
  let line = -1;
  for (let lines = 0; lines < CLAMP_LINES; lines++) {
    line = text.indexOf("\n", line + 1);
    if (line < 0 || line >= end) break;
    if (lines === CLAMP_LINES - 1) end = line;
  }
  // A little more than the limit is not worth a button.
  if (end === text.length || (end === CLAMP_CHARACTERS && text.length < CLAMP_CHARACTERS * 1.2)) return null;
  if (/[\uD800-\uDBFF]/.test(text[end - 1] as string)) end--;
  return text.slice(0, end);
}

export function initialOf(name: string): string {
  const shown = visible(name);
  if ("Segmenter" in Intl) {
    for (const { segment } of new Intl.Segmenter().segment(shown)) return segment.toLocaleUpperCase();
  }
  return (Array.from(shown)[0] ?? "?").toLocaleUpperCase();
}

/** One of `count` colours for a name: the same one on every page. */
export function colourOf(name: string, count: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash % count;
}
