export interface ScrollBox {
  scrollTop: number;
  scrollHeight: number;
  clientHeight: number;
}

/** Near enough: a reader who is within a line or two of the end is reading the end. */
const SLACK_PX = 64;

export function isAtEnd(box: ScrollBox): boolean {
  return box.scrollHeight - box.scrollTop - box.clientHeight <= SLACK_PX;
}
