"""Words that show that a text is about a stock, and those that show that it is not."""

import re
from importlib.resources import files

_FIGURES = (
    r"(?<!\d)\d{1,9}(?:\.\d{1,9})?\s?(?:%|pct\b|percent\b)"
    r"|\$\d{1,9}(?:\.\d{1,9})? ?(?:billion|million|trillion|bn|[bmt]\b)|🚀|📈|📉|💎"
)


def _market() -> re.Pattern[str]:
    lines = files(__package__).joinpath("market_words.txt").read_text("utf-8").splitlines()
    words = [word for line in lines if not line.startswith("#") for word in line.split()]
    latin = "|".join(word for word in words if word.isascii())
    korean = "|".join(word for word in words if not word.isascii())
    return re.compile(rf"(?i)(?<![a-z])(?:{latin})(?![a-z])|{_FIGURES}|{korean}")


MARKET = _market()
"""Anywhere in the text: it is about companies as investments."""

_NOUNS = r"(?:stock|shares?|calls?|puts?|options?|units|earnings|bulls|bears|leaps|chart|ticker|dividend)"
AFTER_TICKER = re.compile(
    r"(?:'s)?(?:\s+\((?:NYSE|NASDAQ|Nasdaq)\)|(?:,?\s+(?:is|was|are|got|gets|gets another|just))?\s*(?:"
    r"[+-]\s?\d{1,9}(?:\.\d{1,9})?\s?%|\(?[+-]\d"
    rf"|(?i:(?:(?:\w+ )?{_NOUNS})\b(?! market| exchange)"
    r"|(?:up|down)\s+(?:another |over |about |nearly )?\d{1,9}(?:\.\d{1,9})?\s?%"
    r"|upgraded|downgraded|to the moon)))"
)
"""Directly behind a ticker that is an ordinary word."""

ACTS = re.compile(
    r"(?i)(?:,? inc\.?)?\s+(?:(?:said|says|announce[sd]|unveil(?:s|ed)|launche[sd]|name[sd]|appoint(?:s|ed)"
    r"|schedule[sd]|plan(?:s|ned)|report(?:s|ed)|close[sd]|open(?:s|ed)|file[sd]|agree[sd]|sue[sd]|hire[sd]|wins?|won"
    r"|delay(?:s|ed)|expand(?:s|ed)|partner(?:s|ed)|introduce[sd]|complete[sd]|appeal(?:s|ed)|settle[sd]"
    r"|is (?:planning|considering|exploring|preparing|expected))\b|to [a-z]{3,})"
)
"""Directly behind a company's name that is also a word: it does what companies do."""

BEFORE_TICKER = re.compile(
    r"(?i)(?:\b(?:long|short|bought|buying|buy|sold|selling|sell|holding|hold|own|owns|adding|added|trimmed"
    r"|loaded up on|bullish on|bearish on|shares of|calls on|puts on|stock of|position in|into|ticker)\s+)\Z"
)
"""Directly before a ticker that is no word."""

SHORT_NOUN = re.compile(r"\s+(?:stock|shares|calls|puts|options|earnings)\b(?! market| exchange)")
"""Directly behind a ticker of one letter, which is also an article, a grade or a unit."""

BROKER_BEHIND = re.compile(
    r"(?i)\s*(?:'s)?\s*(?:[\w&]+\s+){0,2}(?:conference|analysts?\b|summit|says|said in a note|forum)"
)
BROKER_BEFORE = re.compile(
    r"(?i)(?:\b(?:upgrad\w+|downgrad\w+|cut|rais\w+|initiated|rated?|lower\w+|added|boost\w+|present\w*|speak\w*"
    r"|neutral|buy|sell|hold|note)\b"
    r"[^.!?\n]{0,40}\b(?:at|by|from)(?: the)?\s+)\Z"
)
BROKERS = frozenset(
    (
        "goldman sachs",
        "goldman",
        "morgan stanley",
        "jpmorgan",
        "jp morgan",
        "jpmorgan chase",
        "citigroup",
        "bofa",
        "bank of america",
        "wells fargo",
        "raymond james",
        "골드만삭스",
        "jp모건",
        "웰스파고",
        "씨티그룹",
        "뱅크오브아메리카",
    )
)
"""Banks whose opinion, or whose conference, is news about another company."""

ORDINARY_USE = {
    "gap": re.compile(r"(?i)\s+(?:up|down|fill|between|in|on)\b"),
    "target": re.compile(r"(?i)\s+(?:price|is|was|date|of|for|range|hit)\b"),
    "visa": re.compile(r"(?i)\s+(?:application|free|interview|for|office|waiver|requirements?)\b"),
    "apple": re.compile(r"(?i)\s+(?:pie|juice|cider|tree|trees|sauce|a day)\b"),
    "amazon": re.compile(r"(?i)\s+(?:rain ?forest|river|basin|jungle|deforestation)\b"),
    "oracle": re.compile(r"(?i)\s+(?:of|at)\b"),
    "coach": re.compile(r"(?i)\s+(?:said|told|of|class|[A-Z][a-z]+)\b"),
    "progressive": re.compile(r"(?i)\s+(?:collapse|rock|jackpot|party|policies|tax|overload)\b"),
    "twitter": re.compile(r"(?i)\s+(?:post|thread|feed|user|account)\b"),
    "facebook": re.compile(r"(?i)\s+(?:post|group|page|feed|account|ad\b)\b"),
    "southwest": re.compile(r"(?i)\s+(?:desert|of|corner|region|china|florida|texas|virginia|winds?)\b"),
    "lg": re.compile(r"\s*(?:트윈스|그램|그룹|TV|냉장고|세탁기|디스플레이 아트)"),
    "sk": re.compile(r"\s*(?:와이번스|나이츠|매직|그룹)"),
    "한화": re.compile(r"\s*(?:이글스|그룹|생명 e)"),
    "kt": re.compile(r"\s*(?:위즈|롤스터|소닉붐|그룹)"),
    "네이버": re.compile(r"\s*(?:지도|블로그|카페|웹툰|뉴스|검색|쇼핑|페이|밴드|사전|메일|댓글|예약)"),
    "카카오": re.compile(r"\s*(?:톡|택시|맵|내비|프렌즈|페이지|버스|스토리|미니|열매)"),
    "이마트": re.compile(r"\s*(?:앞|에서|24|트레이더스에서|주차장)"),
    "gs": re.compile(r"\s*(?:25|칼텍스|더프레시)"),
    "기아": re.compile(r"\s*(?:문제|난민|아동|인구|대책|종식|타이거즈|상태|로)"),
    "하이브": re.compile(r"\s*(?:구조|의 구조|서버|쿼리|테이블)"),
    "메타": re.compile(r"\s*(?:인지|버스|데이터|분석|픽)"),
    "비자": re.compile(r"\s*(?:발급|신청|면제|연장|인터뷰|받)"),
    "신세계": re.compile(r"\s*(?:를 경험|였|이다|네|로다|교향곡)"),
}
"""Behind a name that is also a word, or whose products are on everybody's lips: here it is no company."""
