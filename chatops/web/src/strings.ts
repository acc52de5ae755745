/** Everything the page says, in Korean and in English. `{}` stands for a number or a code. */
const ko = {
  title: "채팅",
  messages: "메시지",
  empty: "아직 조용하네요. 먼저 인사를 건네 보세요.",
  emptyHint: "이 창을 연 뒤에 오간 메시지만 보입니다.",
  nick: "내 이름",
  nickHint: "다음 메시지부터 이 이름으로 보냅니다.",
  write: "메시지",
  placeholder: "메시지를 입력하세요",
  send: "보내기",
  keys: "Enter로 보내고, Shift+Enter로 줄을 바꿉니다.",
  you: "나",
  someone: "이름 없음",
  connecting: "연결하는 중",
  open: "연결됨",
  waiting: "연결 끊김",
  offline: "오프라인",
  lost: "연결이 끊겨 다시 연결하고 있습니다. 지금 쓰는 메시지는 연결되면 보냅니다.",
  offlineDetail: "인터넷에 연결되어 있지 않습니다. 지금 쓰는 메시지는 연결되면 보냅니다.",
  inviteExpired: "연결할 수 없습니다. 초대가 만료되었을 수 있으니 새 초대 링크를 받아 보세요.",
  refused: "연결할 수 없습니다. 초대 링크가 필요한 채팅이거나, 서버가 아직 준비되지 않았을 수 있습니다.",
  tryNow: "지금 연결",
  newMessages: "새 메시지 {}개",
  outbox: "보내는 메시지",
  sending: "보내는 중",
  kept: "연결되면 보냅니다",
  unconfirmed: "전달되었는지 알 수 없습니다.",
  unconfirmedRefused: "서버가 받지 않은 메시지입니다.",
  unconfirmedTooLarge: "서버가 너무 큰 메시지라며 연결을 끊었습니다.",
  again: "다시 보내기",
  discard: "지우기",
  tooLong: "메시지가 너무 깁니다. {}바이트를 줄여 주세요.",
  nearlyTooLong: "{}바이트 더 쓸 수 있습니다.",
  outboxFull: "보내지 못한 메시지가 너무 많습니다. 연결될 때까지 기다려 주세요.",
  showAll: "모두 보기 ({}자)",
  noUrl: "이 페이지는 채팅 서버의 주소를 모릅니다. chatops up을 다시 실행해 주세요.",
  notice: "알림",
  noticeForbidden: "서버가 메시지를 받아들이지 않았습니다.",
  noticeFailed: "서버에 문제가 생겨 메시지를 전하지 못했을 수 있습니다.",
  noticeTimedOut: "서버가 제때 끝내지 못해 일부에게 전해지지 않았을 수 있습니다.",
  noticeIncomplete: "메시지가 모두에게 전해지지는 않았습니다.",
  noticeUnreadable: "서버가 누가 있는지 알 수 없어 아무에게도 전하지 못했습니다.",
  noticeTooMany: "메시지가 너무 잦습니다. 잠시 뒤에 다시 보내 주세요.",
  noticeTooLarge: "메시지가 너무 커서 서버가 받지 않았습니다.",
  noticeOther: "서버가 오류를 알렸습니다 ({}).",
};

export type Strings = Readonly<Record<keyof typeof ko, string>>;

const en: Strings = {
  title: "Chat",
  messages: "Messages",
  empty: "Quiet so far. Say hello first.",
  emptyHint: "Only messages that arrive while this page is open are shown.",
  nick: "Your name",
  nickHint: "Used from your next message on.",
  write: "Message",
  placeholder: "Write a message",
  send: "Send",
  keys: "Enter sends, Shift+Enter starts a new line.",
  you: "You",
  someone: "No name",
  connecting: "Connecting",
  open: "Connected",
  waiting: "Disconnected",
  offline: "Offline",
  lost: "The connection was lost; connecting again. What you write now is sent when it is back.",
  offlineDetail: "There is no internet connection. What you write now is sent when it is back.",
  inviteExpired: "Cannot connect. The invite may have expired: ask for a new link.",
  refused: "Cannot connect. This chat may need an invite link, or its server may not be ready yet.",
  tryNow: "Connect now",
  newMessages: "{} new messages",
  outbox: "Messages on their way",
  sending: "Sending",
  kept: "Sent when connected",
  unconfirmed: "It is unknown whether this was delivered.",
  unconfirmedRefused: "The server did not take this message.",
  unconfirmedTooLarge: "The server found this too large and closed the connection.",
  again: "Send again",
  discard: "Delete",
  tooLong: "The message is too long by {} bytes.",
  nearlyTooLong: "{} bytes left.",
  outboxFull: "Too many messages are waiting. Please wait for the connection.",
  showAll: "Show all ({} characters)",
  noUrl: "This page does not know its chat server. Please run chatops up again.",
  notice: "Notice",
  noticeForbidden: "The server did not accept the message.",
  noticeFailed: "The server had a problem; the message may not have been delivered.",
  noticeTimedOut: "The server did not finish in time; some people may not have got the message.",
  noticeIncomplete: "The message did not reach everybody.",
  noticeUnreadable: "The server could not find out who is here; nobody got the message.",
  noticeTooMany: "Too many messages at once. Please try again in a moment.",
  noticeTooLarge: "The message was too large for the server.",
  noticeOther: "The server reported an error ({}).",
};

const languages = { ko, en };

export type Language = keyof typeof languages;

/** The first of the reader's languages that the page speaks. */
export function languageFor(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const language = tag.toLowerCase().split("-")[0];
    if (language === "ko" || language === "en") return language;
  }
  return "en";
}

export function stringsIn(language: Language): Strings {
  return languages[language];
}

export function fill(template: string, value: number | string, language: Language): string {
  return template.replace("{}", typeof value === "number" ? value.toLocaleString(language) : value);
}

/**
 * The page's own words for an error. The frame's sentence is not shown: anybody in the chat can broadcast text that looks
 * like an error frame, and the page must not say it in its own voice.
 */
export function noticeText(code: string, strings: Strings): string {
  const known: Record<string, keyof Strings> = {
    Forbidden: "noticeForbidden",
    "Internal server error": "noticeFailed",
    "Endpoint request timed out": "noticeTimedOut",
    "Too Many Requests": "noticeTooMany",
    "Limit Exceeded": "noticeTooMany",
    TooManyRequests: "noticeTooMany",
    MessageTooLarge: "noticeTooLarge",
    InternalError: "noticeFailed",
    Incomplete: "noticeIncomplete",
    TableUnreadable: "noticeUnreadable",
  };
  const key = Object.hasOwn(known, code) ? known[code] : undefined;
  if (key !== undefined) return strings[key];
  return strings.noticeOther.replace("{}", () => (/^[A-Za-z]{1,32}$/.test(code) ? code : "?"));
}
