import { useEffect, useLayoutEffect, useState, type FormEvent, type KeyboardEvent, type RefObject } from "react";
import { sizeOf } from "./chat";
import { sends } from "./keyboard";
import { fill, type Language, type Strings } from "./strings";
import { FRAME_LIMIT } from "./wire";

const WORTH_COUNTING = FRAME_LIMIT * 0.8;
/** Above this many characters even an all-ASCII message could be worth counting; below a sixth of it none is. */
const WORTH_MEASURING = WORTH_COUNTING / 6;

export function Composer({
  field,
  nick,
  full,
  onSay,
  strings,
  language,
}: {
  field: RefObject<HTMLTextAreaElement | null>;
  nick: string;
  full: boolean;
  onSay: (text: string) => void;
  strings: Strings;
  language: Language;
}) {
  const [text, setText] = useState("");
  const size = text.length < WORTH_MEASURING ? 0 : sizeOf(nick, text.trim());
  const left = FRAME_LIMIT - size;
  const problem = full ? strings.outboxFull : left < 0 ? fill(strings.tooLong, -left, language) : null;
  const hint = problem ?? (size > WORTH_COUNTING ? fill(strings.nearlyTooLong, left, language) : "");

  // A field as high as its text; set from script, because the page's policy allows no style attributes.
  useLayoutEffect(() => {
    const area = field.current;
    if (area === null) return;
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  }, [field, text]);

  // Where focusing raises no keyboard, one can write at once.
  useEffect(() => {
    if (matchMedia("(hover: hover) and (pointer: fine)").matches) field.current?.focus();
  }, [field]);

  const say = () => {
    // Not the state: an input method may have just finished a syllable.
    const said = (field.current?.value ?? text).trim();
    if (said === "" || problem !== null) return;
    onSay(said);
    setText("");
  };

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (!sends(event.nativeEvent)) return;
    event.preventDefault();
    say();
  };

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    say();
    field.current?.focus();
  };

  return (
    <form className="composer" onSubmit={onSubmit}>
      <div className="column">
        <p className={problem === null ? "hint" : "hint problem"} id="size" role="status">
          {hint}
        </p>
        <div className="field">
          <label className="sr" htmlFor="write">
            {strings.write}
          </label>
          <textarea
            id="write"
            ref={field}
            rows={1}
            value={text}
            placeholder={strings.placeholder}
            title={strings.keys}
            aria-describedby="size"
            aria-invalid={left < 0}
            enterKeyHint="send"
            autoComplete="off"
            onChange={(event) => setText(event.target.value)}
            onKeyDown={onKeyDown}
          />
          <button type="submit" className="send" aria-label={strings.send} disabled={problem !== null || text.trim() === ""}>
            <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
              <path
                d="M12 19.5V5M5.5 11.5 12 5l6.5 6.5"
                fill="none"
                stroke="currentColor"
                strokeWidth="2.2"
                strokeLinecap="round"
                strokeLinejoin="round"
              />
            </svg>
          </button>
        </div>
      </div>
    </form>
  );
}
