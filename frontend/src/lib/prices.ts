import type { Language } from '@/domain/viewState';
import { currencyDigits, formatDecimal, MISSING } from './format';

/** How the prices of one instrument are written. */
export interface PriceStyle {
  /** Decimals that its prices are quoted in, no fewer than its currency has. */
  quoted: number;
}

const MOST_DIGITS = 20;
/** Of a price below 1 that no short decimal gives back, such as an adjusted or an averaged one. */
const SIGNIFICANT = 4;
const JUDGED = 100;
/** Relative errors of a quoted price: as a double, and of a source that keeps single precision. */
const NOISES = [1e-12, 1e-7];
const CERTAIN = 0.05;

/** The style that the newest prices call for: older ones may be adjusted, and then have decimals without end. */
export function priceStyle(currency: string, prices: readonly (number | null)[]): PriceStyle {
  const known = prices.filter((price) => price !== null && price !== 0).slice(-JUDGED) as number[];
  return { quoted: Math.max(currencyDigits(currency), quotedDigits(known) ?? 0) };
}

/** The change from a price to another as a ratio; null from a price of 0 or less, of which a part means nothing. */
export function changeOf(before: number | null, now: number | null): number | null {
  return before === null || now === null || before <= 0 ? null : now / before - 1;
}

/** Decimals that nine of ten prices do with; null where they are no short decimals. */
function quotedDigits(prices: readonly number[]): number | null {
  for (const noise of NOISES) {
    const needed = prices.map((price) => decimalsOf(price, noise)).sort((a, b) => a - b);
    const most = needed[Math.floor((needed.length - 1) * 0.9)];
    if (most !== undefined && most < Infinity) return most;
  }
  return null;
}

/** The fewest decimals that give the price back within the noise; Infinity where that would be by chance. */
function decimalsOf(price: number, noise: number): number {
  for (let digits = 0; digits <= MOST_DIGITS; digits += 1) {
    const scaled = Math.abs(price) * 10 ** digits;
    if (scaled * noise > CERTAIN) return Infinity;
    if (scaled > 0.5 && Math.abs(scaled - Math.round(scaled)) <= scaled * noise) return digits;
  }
  return Infinity;
}

/** Decimals of one price: as quoted, and below 1 as many more as it needs to say something. */
export function priceDigits({ quoted }: PriceStyle, price: number): number {
  const size = Math.abs(price);
  if (size === 0 || size >= 1) return quoted;
  const significant = SIGNIFICANT - 1 - Math.floor(Math.log10(size));
  const needed = Math.min(significant, decimalsOf(size, NOISES[0] ?? 0));
  return Math.min(MOST_DIGITS, Math.max(quoted, needed));
}

export function formatPrice(lang: Language, style: PriceStyle, price: number | null): string {
  return price === null ? MISSING : formatDecimal(lang, price, priceDigits(style, price));
}
