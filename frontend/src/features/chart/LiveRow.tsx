import type { Interval } from '@/api/types';
import type { LiveStanding } from '@/domain/live';
import { useTranslation, type Messages } from '@/i18n';
import { epochSeconds } from '@/lib/brand';
import { formatBarTime, formatChange } from '@/lib/format';
import { isIntraday } from '@/domain/intervals';
import { formatPrice, type PriceStyle } from '@/lib/prices';
import type { ChartData } from './data';
import { lastQuote } from './live';

interface LiveRowProps {
  standing: LiveStanding;
  data: ChartData;
  interval: Interval;
  prices: PriceStyle;
  timeZone: string;
}

/** The last price and how far it is of now; nothing where no live prices are to be had. */
export function LiveRow({ standing, data, interval, prices, timeZone }: LiveRowProps) {
  const { lang, m } = useTranslation();
  const { kind, asOf } = standing;
  const quote = lastQuote(data, interval, timeZone);
  if (kind === 'none' || quote === null) return null;
  const { price, change } = quote;
  const tone = change === null || change === 0 ? '' : change > 0 ? 'rising' : 'falling';
  const isOld = kind !== 'live' && kind !== 'replay';
  return (
    <p className="legend-row live-row">
      <span className={`live-price ${tone}`}>{formatPrice(lang, prices, price)}</span>
      {change !== null && (
        <span className={`change ${tone}`} title={isIntraday(interval) ? m.live.changeOfDay : m.live.changeOfBar}>
          {formatChange(lang, change)}
        </span>
      )}
      {/* The state alone is spoken when it changes: prices would never end. */}
      <span className={`live-state ${kind}`} role="status" title={m.live.explain[kind]}>
        <span className="live-dot" aria-hidden="true" />
        {wordsOf(standing, m)}
        {isOld && asOf !== null && ' '}
        {isOld && asOf !== null && <span className="live-as-of">{m.live.asOf(formatBarTime(lang, epochSeconds(asOf / 1000), true, timeZone))}</span>}
      </span>
    </p>
  );
}

function wordsOf({ kind, speed, madeUp }: LiveStanding, m: Messages): string {
  if (kind === 'none') return '';
  if (kind !== 'replay') return m.live.kinds[kind];
  const words = speed === null || speed === 0 ? m.live.kinds.replay : m.live.replayAt(String(speed));
  return madeUp ? m.live.madeUp(words) : words;
}
