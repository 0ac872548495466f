import type { Language } from '@/domain/viewState';

/** Words for codes that the server sends. A code not listed here is shown as it is, made readable. */
type Terms = Record<string, Record<Language, string>>;

const REASONS: Terms = {
  unparsable: { en: 'The row cannot be read', ko: '읽을 수 없는 행' },
  missing: { en: 'A value is missing', ko: '빠진 값이 있음' },
  not_finite: { en: 'A value is infinite', ko: '무한대 값이 있음' },
  not_positive: { en: 'A price is zero or negative', ko: '가격이 0 이하' },
  negative_volume: { en: 'The volume is negative', ko: '거래량이 음수' },
  ohlc_order: { en: 'High and low do not enclose open and close', ko: '시가·종가가 고가·저가 범위를 벗어남' },
  future: { en: 'The date lies in the future', ko: '미래의 날짜' },
  unknown_session: { en: 'The exchange was closed on this date', ko: '휴장일의 날짜' },
  outside_session: { en: 'The time lies outside trading hours', ko: '거래 시간 밖의 시각' },
  misaligned: { en: 'The time is not the start of a bar', ko: '봉의 시작 시각이 아님' },
  duplicate: { en: 'Another row has the same time', ko: '같은 시각의 행이 또 있음' },
  jump: { en: 'The price jumps and comes straight back', ko: '가격이 튀었다가 바로 돌아옴' },
  halted: { en: 'A close without trading', ko: '거래 없이 종가만 있음' },
  unknown_instrument: { en: 'The stock is not known', ko: '알 수 없는 종목' },
};

const ROW_STATES: Terms = {
  open: { en: 'Open', ko: '처리 전' },
  replayed: { en: 'Replayed', ko: '다시 반영됨' },
  dismissed: { en: 'Dismissed', ko: '제외됨' },
};

const PARTS: Terms = {
  postgresql: { en: 'Database (PostgreSQL)', ko: '데이터베이스 (PostgreSQL)' },
  schema: { en: 'Schema of the database', ko: '데이터베이스 스키마' },
  valkey: { en: 'Cache (Valkey)', ko: '캐시 (Valkey)' },
  events: { en: 'Relay of events', ko: '이벤트 릴레이' },
  delivery: { en: 'Delivery of events', ko: '이벤트 전달' },
  live: { en: 'Live prices: clients and sources', ko: '실시간 시세: 접속과 시세원' },
  sources: { en: 'Sources of live prices', ko: '실시간 시세원' },
  stock: { en: 'Stock service', ko: '주가 서비스' },
  sentiment: { en: 'Sentiment service', ko: '투자 심리 서비스' },
  gateway: { en: 'Gateway', ko: '게이트웨이' },
};

const IMPORT_STATES: Terms = {
  running: { en: 'Running', ko: '진행 중' },
  done: { en: 'Finished', ko: '완료' },
  failed: { en: 'Failed', ko: '실패' },
};

const BACKUP_KINDS: Terms = {
  full: { en: 'Full', ko: '전체' },
  incr: { en: 'Incremental', ko: '증분' },
};

const DRILL_OUTCOMES: Terms = {
  passed: { en: 'Passed', ko: '성공' },
  failed: { en: 'Failed', ko: '실패' },
  not_run: { en: 'Not run', ko: '실행 안 됨' },
};

/** States of a replication slot, as PostgreSQL names them. */
const SLOT_STATES: Terms = {
  reserved: { en: 'In order', ko: '정상' },
  extended: { en: 'Keeps much', ko: '많이 쌓임' },
  unreserved: { en: 'About to be lost', ko: '곧 잃음' },
  lost: { en: 'Lost', ko: '잃음' },
};

const FIELDS: Terms = {
  symbol: { en: 'Symbol', ko: '종목' },
  session: { en: 'Date', ko: '날짜' },
  date: { en: 'Date', ko: '날짜' },
  ts: { en: 'Time', ko: '시각' },
  open: { en: 'Open', ko: '시가' },
  high: { en: 'High', ko: '고가' },
  low: { en: 'Low', ko: '저가' },
  close: { en: 'Close', ko: '종가' },
  volume: { en: 'Volume', ko: '거래량' },
};

const GROUPS: Terms = {
  'Cycle Indicators': { en: 'Cycle', ko: '주기' },
  'Math Operators': { en: 'Math operators', ko: '수학 연산' },
  'Math Transform': { en: 'Math transform', ko: '수학 변환' },
  'Momentum Indicators': { en: 'Momentum', ko: '모멘텀' },
  'Overlap Studies': { en: 'Overlap studies', ko: '가격 중첩' },
  'Pattern Recognition': { en: 'Candle patterns', ko: '캔들 패턴' },
  'Price Transform': { en: 'Price transform', ko: '가격 변환' },
  'Statistic Functions': { en: 'Statistics', ko: '통계' },
  'Volatility Indicators': { en: 'Volatility', ko: '변동성' },
  'Volume Indicators': { en: 'Volume', ko: '거래량' },
};

const PARAMETERS: Terms = {
  timeperiod: { en: 'Period', ko: '기간' },
  timeperiod1: { en: 'First period', ko: '첫째 기간' },
  timeperiod2: { en: 'Second period', ko: '둘째 기간' },
  timeperiod3: { en: 'Third period', ko: '셋째 기간' },
  fastperiod: { en: 'Fast period', ko: '단기 기간' },
  slowperiod: { en: 'Slow period', ko: '장기 기간' },
  signalperiod: { en: 'Signal period', ko: '시그널 기간' },
  minperiod: { en: 'Least period', ko: '최소 기간' },
  maxperiod: { en: 'Greatest period', ko: '최대 기간' },
  fastk_period: { en: 'Fast %K period', ko: '빠른 %K 기간' },
  slowk_period: { en: 'Slow %K period', ko: '느린 %K 기간' },
  fastd_period: { en: 'Fast %D period', ko: '빠른 %D 기간' },
  slowd_period: { en: 'Slow %D period', ko: '느린 %D 기간' },
  matype: { en: 'Average type', ko: '이동평균 종류' },
  fastmatype: { en: 'Fast average type', ko: '단기 이동평균 종류' },
  slowmatype: { en: 'Slow average type', ko: '장기 이동평균 종류' },
  signalmatype: { en: 'Signal average type', ko: '시그널 이동평균 종류' },
  slowk_matype: { en: 'Slow %K average type', ko: '느린 %K 이동평균 종류' },
  slowd_matype: { en: 'Slow %D average type', ko: '느린 %D 이동평균 종류' },
  fastd_matype: { en: 'Fast %D average type', ko: '빠른 %D 이동평균 종류' },
  nbdev: { en: 'Deviations', ko: '표준편차 배수' },
  nbdevup: { en: 'Deviations above', ko: '위쪽 표준편차 배수' },
  nbdevdn: { en: 'Deviations below', ko: '아래쪽 표준편차 배수' },
  acceleration: { en: 'Acceleration', ko: '가속 인자' },
  maximum: { en: 'Greatest acceleration', ko: '최대 가속 인자' },
  penetration: { en: 'Penetration', ko: '침투 비율' },
  vfactor: { en: 'Volume factor', ko: '가중 인자' },
  fastlimit: { en: 'Fast limit', ko: '빠른 한계' },
  slowlimit: { en: 'Slow limit', ko: '느린 한계' },
};

const EXCHANGES: Terms = {
  XNYS: { en: 'NYSE', ko: '뉴욕증권거래소' },
  XNAS: { en: 'NASDAQ', ko: '나스닥' },
  XKRX: { en: 'KRX', ko: '한국거래소' },
  XKOS: { en: 'KOSDAQ', ko: '코스닥' },
  ARCX: { en: 'NYSE Arca', ko: 'NYSE 아카' },
  BATS: { en: 'Cboe BZX', ko: 'Cboe BZX' },
  XLON: { en: 'LSE', ko: '런던증권거래소' },
  XTKS: { en: 'TSE', ko: '도쿄증권거래소' },
  XHKG: { en: 'HKEX', ko: '홍콩거래소' },
  XETR: { en: 'Xetra', ko: '제트라' },
  XCME: { en: 'CME', ko: '시카고상업거래소' },
};

const SENTIMENT_LABELS: Terms = {
  positive: { en: 'Positive', ko: '긍정' },
  neutral: { en: 'Neutral', ko: '중립' },
  negative: { en: 'Negative', ko: '부정' },
  unsure: { en: 'Unsure', ko: '판단 보류' },
};

const MENTION_KINDS: Terms = {
  cashtag: { en: 'Names the stock by its cashtag', ko: '캐시태그로 종목을 밝힘' },
  exchange: { en: 'Names the stock with its exchange', ko: '거래소와 함께 종목을 밝힘' },
  name: { en: 'Names the company', ko: '회사 이름을 밝힘' },
  bare: { en: 'Names the ticker, among words of the market', ko: '시장 용어와 함께 종목 코드를 밝힘' },
};

const POST_SOURCES: Terms = {
  sample: { en: 'Sample', ko: '예시' },
  reddit: { en: 'Reddit', ko: '레딧' },
  x: { en: 'X', ko: 'X' },
  twitter: { en: 'X', ko: 'X' },
  bluesky: { en: 'Bluesky', ko: '블루스카이' },
  rss: { en: 'RSS', ko: 'RSS' },
  edgar: { en: 'SEC EDGAR', ko: 'SEC EDGAR' },
  naver: { en: 'Naver news', ko: '네이버 뉴스' },
};

const SOURCE_STATES: Terms = {
  off: { en: 'Off', ko: '꺼짐' },
  begins: { en: 'Starting', ko: '시작하는 중' },
  reading: { en: 'Reading', ko: '읽는 중' },
  silent: { en: 'Silent', ko: '조용함' },
  waiting: { en: 'Waiting', ko: '기다리는 중' },
  spent: { en: 'Limit reached', ko: '한도 소진' },
  refused: { en: 'Refused', ko: '거부됨' },
  failing: { en: 'Failing', ko: '실패' },
};

const CATALOGUES = {
  reason: REASONS,
  rowState: ROW_STATES,
  part: PARTS,
  importState: IMPORT_STATES,
  backupKind: BACKUP_KINDS,
  drillOutcome: DRILL_OUTCOMES,
  slotState: SLOT_STATES,
  field: FIELDS,
  group: GROUPS,
  parameter: PARAMETERS,
  exchange: EXCHANGES,
  sentimentLabel: SENTIMENT_LABELS,
  mentionKind: MENTION_KINDS,
  postSource: POST_SOURCES,
  sourceState: SOURCE_STATES,
} satisfies Record<string, Terms>;

export type TermKind = keyof typeof CATALOGUES;

export function term(lang: Language, kind: TermKind, code: string): string {
  const terms: Terms = CATALOGUES[kind];
  return terms[code]?.[lang] ?? readable(code);
}

function readable(code: string): string {
  const words = code.replaceAll('_', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
