import type { ReactNode } from 'react';
import type { CorporateAction, InstrumentDetail, Interval } from '@/api/types';
import { isIntraday } from '@/domain/intervals';
import type { Language } from '@/domain/viewState';
import { term, useTranslation, type Messages } from '@/i18n';
import { formatBarTime, formatChange, formatCompact, formatDay, formatDecimal, MISSING } from '@/lib/format';
import { formatPrice } from '@/lib/prices';
import { barAt } from './bar';
import type { ChartData } from './data';
import { lateSince } from './late';
import { LiveRow } from './LiveRow';
import type { LegendProps } from './legend';
import { actionsAt } from './model';

/** Name and values of the stock. */
export function PriceLegend({ data, model, symbol, instrument, interval, prices, timeZone, standing, index, children }: LegendProps & { index: number; children: ReactNode }) {
  const { lang, m } = useTranslation();
  const bar = barAt(data, index);
  const t = data.t[index];
  const candle = model.rising[index] === true ? 'rising' : 'falling';
  const write = (value: number | null) => formatPrice(lang, prices, value);
  const values = [
    [m.chart.open, write(bar.o)],
    [m.chart.high, write(bar.h)],
    [m.chart.low, write(bar.l)],
    [m.chart.close, write(bar.c)],
  ] as const;
  const late = standing.kind === 'none' ? lateSince({ last: data.t.at(-1), interval, timeZone, instrument }) : null;
  return (
    <>
      <h1 className="legend-title">
        <span className="legend-symbol">{symbol}</span>
        {instrument !== undefined && <span className="legend-name">{instrument.name}</span>}
        <span className="legend-place">
          {[m.intervals[interval].short, ...(instrument ? [term(lang, 'exchange', instrument.exchange), currencyOf(instrument, m)] : [])].join(' · ')}
        </span>
        {children}
      </h1>
      <LiveRow standing={standing} data={data} interval={interval} prices={prices} timeZone={timeZone} />
      <p className="legend-row ohlc">
        {t !== undefined && <time className="bar-time">{formatBarTime(lang, t, isIntraday(interval), timeZone)}</time>}
        {values.map(([name, value]) => (
          <span key={name} className={`pair quote ${candle}`} title={m.chart.colorRule}>
            <span className="pair-name">{name}</span> {value}
          </span>
        ))}
        <span className={`pair change ${signOf(bar.change)}`} title={m.chart.colorRule}>
          {bar.change === null ? MISSING : formatChange(lang, bar.change)}
        </span>
        <span className={`pair ${candle}`}>
          <span className="pair-name">{m.chart.volume}</span> {bar.v === null ? MISSING : formatCompact(lang, bar.v)}
        </span>
        {index >= data.formingFrom && <span className="pair forming">{m.live.forming}</span>}
        <Origin data={data} interval={interval} index={index} />
        <AcceptedNote data={data} index={index} />
        {actionsAt(data, index).map((action, place) => (
          <span key={place} className="pair event">
            {m.chart.actions[action.kind](describeAction(lang, action))}
          </span>
        ))}
        {late !== null && <span className="as-of">{m.chart.asOf(formatDay(lang, late.asOf), formatDay(lang, late.lastSession))}</span>}
      </p>
    </>
  );
}

/** The currency of the prices; a minor unit with the part of a currency that it is. */
const currencyOf = ({ currency, currency_unit: unit }: InstrumentDetail, m: Messages): string =>
  unit === null ? currency : m.chart.minorUnit(unit.code, unit.name, unit.of, unit.factor);

const signOf = (change: number | null): string => (change === null || change === 0 ? '' : change > 0 ? 'rising' : 'falling');

/** Where a bar that was not stored as it stands came from, or that it lies outside its session. */
function Origin({ data, interval, index }: { data: ChartData; interval: Interval; index: number }) {
  const { m } = useTranslation();
  const source = data.source[index] ?? '1d';
  const phase = data.phase[index] ?? 'regular';
  const text = isIntraday(interval) ? m.chart.phases[phase] : m.chart.sources[source];
  return text === null ? null : <span className="pair origin">{text}</span>;
}

/** Why a bar was doubted, and who said that it is true all the same. */
function AcceptedNote({ data, index }: { data: ChartData; index: number }) {
  const { lang, m } = useTranslation();
  const bar = data.accepted.get(data.t[index] ?? NaN);
  if (bar === undefined) return data.acceptedComplete ? null : <span className="pair origin">{m.chart.acceptedIncomplete}</span>;
  const reasons = bar.reasons.map((reason) => term(lang, 'reason', reason)).join(', ');
  return <span className="pair accepted">{m.chart.accepted(reasons, bar.by.join(', '))}</span>;
}

/** The value of an action, by what it counts: shares, a part of the price, cash. */
function describeAction(lang: Language, action: CorporateAction): string {
  const cash = (value: number) => formatDecimal(lang, value, value < 1 ? 4 : 2);
  if (action.price !== null) return `${splitRatio(action.value)} × ${cash(action.price)}`;
  if (action.kind === 'split') return splitRatio(action.value);
  return action.unit === 'ratio' ? `× ${formatDecimal(lang, action.value, 4)}` : cash(action.value);
}

/** New for old shares: 7 -> "7:1", 0.05 -> "1:20". */
const splitRatio = (value: number): string =>
  value >= 1 ? `${String(Number(value.toFixed(4)))}:1` : `1:${String(Number((1 / value).toFixed(4)))}`;
