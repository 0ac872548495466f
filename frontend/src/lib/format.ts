import type { Language } from '@/domain/viewState';
import type { EpochSeconds } from './brand';

export const MISSING = '–';
const LOCALES: Record<Language, string> = { en: 'en-US', ko: 'ko-KR' };
export const localeOf = (lang: Language): string => LOCALES[lang];

const numberFormats = new Map<string, Intl.NumberFormat>();
const dateFormats = new Map<string, Intl.DateTimeFormat>();

function numbers(lang: Language, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  return remembered(numberFormats, lang + JSON.stringify(options), () => new Intl.NumberFormat(localeOf(lang), options));
}

function dates(lang: Language, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return remembered(dateFormats, lang + JSON.stringify(options), () => new Intl.DateTimeFormat(localeOf(lang), options));
}

/** Intl objects cost far more to make than to use, and a chart asks for thousands of labels. */
function remembered<T>(store: Map<string, T>, key: string, make: () => T): T {
  const known = store.get(key);
  if (known !== undefined) return known;
  const made = make();
  store.set(key, made);
  return made;
}

/** Decimals the currency has: KRW 0, USD 2. */
export function currencyDigits(currency: string): number {
  try {
    return numbers('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    return 2;
  }
}

export function formatDecimal(lang: Language, value: number, digits: number): string {
  return numbers(lang, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** No value is written with more decimals than this, but as 1.23E-20. */
const MOST_DECIMALS = 16;

/** An indicator's value, whose size is not known: compact from a million. */
export function formatValue(lang: Language, value: number | null, digits: number): string {
  if (value === null) return MISSING;
  if (Math.abs(value) >= 1e6) return formatCompact(lang, value);
  if (digits <= MOST_DECIMALS) return formatDecimal(lang, value, digits);
  return numbers(lang, { notation: 'scientific', maximumSignificantDigits: 4 }).format(value);
}

export function formatCompact(lang: Language, value: number): string {
  return numbers(lang, { notation: 'compact', maximumSignificantDigits: 4 }).format(value);
}

export const formatInteger = (lang: Language, value: number): string =>
  numbers(lang, { maximumFractionDigits: 0 }).format(value);

/** `ratio` 0.0123 -> "+1.23%". */
export function formatChange(lang: Language, ratio: number): string {
  const options = { style: 'percent', minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: 'exceptZero' } as const;
  return numbers(lang, options).format(ratio);
}

export function formatRatio(lang: Language, ratio: number): string {
  return numbers(lang, { style: 'percent', maximumFractionDigits: 1 }).format(ratio);
}

export function formatBytes(lang: Language, bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const unit = units[power] ?? 'byte';
  return numbers(lang, { style: 'unit', unit, maximumFractionDigits: 1 }).format(bytes / 1000 ** power);
}

/** Uptime in its two largest units: "1 day, 2 hr". */
export function formatDuration(lang: Language, seconds: number): string {
  const parts = [
    ['day', Math.floor(seconds / 86400)],
    ['hour', Math.floor(seconds / 3600) % 24],
    ['minute', Math.floor(seconds / 60) % 60],
    ['second', Math.floor(seconds) % 60],
  ] as const;
  const found = parts.findIndex(([, count]) => count > 0);
  const first = found === -1 ? parts.length - 1 : found;
  return parts
    .slice(first, first + 2)
    .filter(([, count], position) => count > 0 || position === 0)
    .map(([unit, count]) => numbers(lang, { style: 'unit', unit, unitDisplay: 'short' }).format(count))
    .join(' ');
}

/** A short time with one decimal while that says something: "1.4 sec", then as a duration. */
export function formatSeconds(lang: Language, seconds: number): string {
  if (seconds >= 60) return formatDuration(lang, seconds);
  return numbers(lang, { style: 'unit', unit: 'second', unitDisplay: 'short', maximumFractionDigits: 1 }).format(seconds);
}

/** Session date of a daily or longer bar, or the minute in the exchange's time zone. */
export function formatBarTime(lang: Language, t: EpochSeconds, intraday: boolean, timeZone: string): string {
  const date = { year: 'numeric', month: 'short', day: 'numeric', weekday: 'short' } as const;
  if (!intraday) return dates(lang, { ...date, timeZone: 'UTC' }).format(t * 1000);
  return dates(lang, { ...date, hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone }).format(t * 1000);
}

/** A session date without its weekday. */
export function formatDay(lang: Language, t: EpochSeconds): string {
  return dates(lang, { dateStyle: 'medium', timeZone: 'UTC' }).format(t * 1000);
}

/** "Eastern Time" for America/New_York. */
export function formatTimeZone(lang: Language, timeZone: string): string {
  const parts = dates(lang, { timeZone, timeZoneName: 'longGeneric' }).formatToParts(0);
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? timeZone;
}

/** An instant of the platform's own doing, in the reader's time zone. */
export function formatInstant(lang: Language, iso: string | number): string {
  return dates(lang, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(iso));
}

/** Label of a tick on an axis in the reader's time zone: the day, or the minute where ticks are closer. */
export function formatAxisTime(lang: Language, ms: number, byDay: boolean): string {
  const day = { month: 'short', day: 'numeric' } as const;
  return dates(lang, byDay ? day : { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms);
}

export type AxisTick = 'year' | 'month' | 'day' | 'minute' | 'second';

/** Label of the time axis; `t` has the wall clock of the exchange in its UTC fields. Between hours, a day has its month. */
export function formatTick(lang: Language, t: number, tick: AxisTick, intraday: boolean): string {
  const options: Record<AxisTick, Intl.DateTimeFormatOptions> = {
    year: intraday ? { year: 'numeric', month: 'short', day: 'numeric' } : { year: 'numeric' },
    month: intraday ? { month: 'short', day: 'numeric' } : { month: 'short' },
    day: intraday ? { month: 'short', day: 'numeric' } : { day: 'numeric' },
    minute: { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
    second: { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
  };
  return dates(lang, { ...options[tick], timeZone: 'UTC' }).format(t * 1000);
}
