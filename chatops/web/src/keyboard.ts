/** What the message field knows of a key press. */
export interface KeyPress {
  key: string;
  keyCode: number;
  shiftKey: boolean;
  altKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  isComposing: boolean;
}

/**
 * Whether this key press sends the message. An input method's Enter ends a syllable and sends nothing: browsers mark it
 * with isComposing, or, when it arrives after compositionend as in Safari, only with the key code 229.
 */
export function sends(press: KeyPress): boolean {
  if (press.key !== "Enter" || press.isComposing || press.keyCode === 229) return false;
  return !press.shiftKey && !press.altKey;
}
