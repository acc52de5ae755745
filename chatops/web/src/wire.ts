/** What travels over the WebSocket; docs/wire-format.md says it in words. */

/**
 * The most bytes a frame of ours may have. API Gateway takes messages of 128 KB but frames of 32 KB, and a browser puts a
 * message of up to about 128 KB into one frame, so that a longer one would cost the connection (close code 1009). A
 * client's frame header takes at most 14 bytes.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
 */
export const FRAME_LIMIT = 32 * 1024 - 14;
export const NICK_LIMIT = 32;
export const CLOSED_AS_TOO_LARGE = 1009;

export interface Spoken {
  author: string | null;
  text: string;
}

export interface Notice {
  code: string;
  text: string;
  /** Certainly nobody got the message. */
  refused: boolean;
}

/** Some have the message, and some do not: its sender may be among either. */
export const INCOMPLETE = "Incomplete";
/** API Gateway's sentences for a message that has reached no function. */
const REFUSALS = ["Forbidden", "Too Many Requests", "Limit Exceeded"];
const SPOKEN = /^<([^<>\n]{1,32})> ([\s\S]*)$/;

/** The text that everybody gets: IRC's `<nick> text`. */
export function compose(nick: string, text: string): string {
  return wellFormed(nick === "" ? text : `<${nick}> ${text}`);
}

export function frameOf(message: string): string {
  return JSON.stringify({ action: "sendMessage", message });
}

export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** A broadcast's author and text; anything that is not `<nick> text` is anonymous. */
export function spokenIn(frame: string): Spoken {
  const found = SPOKEN.exec(frame);
  return found ? { author: found[1] as string, text: found[2] as string } : { author: null, text: frame };
}

/** The error that a frame carries, if it looks like one: our handler's `error`, or API Gateway's own sentence. */
export function noticeIn(frame: string): Notice | null {
  if (!frame.startsWith("{") || frame.length > 4096) return null;
  let body: unknown;
  try {
    body = JSON.parse(frame);
  } catch {
    return null;
  }
  const { error, message, connectionId, requestId } = body as Record<string, unknown>;
  if (typeof message !== "string" || typeof requestId !== "string") return null;
  if (typeof error === "string") return { code: error, text: message, refused: error !== INCOMPLETE };
  if (typeof connectionId === "string") return { code: message, text: message, refused: REFUSALS.includes(message) };
  return null;
}

/** Half of a surrogate pair cannot be written as UTF-8: the server would fail on it. */
function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}
