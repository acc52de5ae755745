import type { Language } from "./strings";
import type { Store } from "./storage";
import { cleanNick } from "./text";
import { NICK_LIMIT } from "./wire";

const KEY = "chatops:nick";

const words = {
  ko: [
    ["느긋한", "반가운", "졸린", "씩씩한", "조용한", "다정한", "엉뚱한", "포근한", "재빠른", "호기심 많은", "산뜻한", "수줍은"],
    ["수달", "고양이", "두루미", "고슴도치", "다람쥐", "해달", "까치", "너구리", "반달곰", "제비", "고래", "삵"],
  ],
  en: [
    ["Easygoing", "Cheerful", "Sleepy", "Plucky", "Quiet", "Kind", "Quirky", "Cosy", "Nimble", "Curious", "Breezy", "Shy"],
    ["Otter", "Cat", "Crane", "Hedgehog", "Squirrel", "Seal", "Magpie", "Raccoon", "Bear", "Swallow", "Whale", "Lynx"],
  ],
} as const;

/** A name to begin with, so that nobody has to stop and think of one. */
export function inventedNick(language: Language, random: () => number = Math.random): string {
  return words[language].map((choices) => choices[Math.floor(random() * choices.length)]).join(" ");
}

export function rememberedNick(store: Store, language: Language): string {
  const nick = cleanNick(store.get(KEY) ?? "", NICK_LIMIT) || inventedNick(language);
  store.set(KEY, nick);
  return nick;
}

export function rememberNick(store: Store, nick: string): void {
  store.set(KEY, nick);
}
