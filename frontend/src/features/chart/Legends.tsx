import { useCallback } from 'react';
import type { CorporateAction, InstrumentItem, Interval } from '@/api/types';
import { isIntraday } from '@/domain/intervals';
import type { Language } from '@/domain/viewState';
import { term, useTranslation } from '@/i18n';
import { formatBarTime, formatChange, formatCompact, formatDecimal, formatPrice, formatValue, MISSING } from '@/lib/format';
import { useObservable } from '@/lib/observable';
import { Icon } from '@/ui/Icon';
import type { ChartView } from './ChartView';
import type { ChartData } from './data';
import { actionsAt, type ChartModel, type LegendRow, type LegendValue } from './model';

export interface LegendProps {
  view: ChartView;
  data: ChartData;
  model: ChartModel;
  symbol: string;
  instrument: InstrumentItem | undefined;
  interval: Interval;
  currency: string;
  onEdit: (spec: string) => void;
  onRemove: (spec: string) => void;
  onStopComparing: () => void;
}

/** The values under the crosshair, else of the last bar, at the top of each pane. */
export function Legends(props: LegendProps) {
  const { m } = useTranslation();
  const pointed = useObservable(props.view.crosshair);
  const panes = useObservable(props.view.panes.boxes);
  const last = props.data.t.length - 1;
  const index = Math.min(pointed ?? last, last);
  const headroom = useHeadroom(props.view);
  return (
    <div className="legends">
      {props.model.legends.map((rows, pane) => {
        const box = panes[pane];
        if (box === undefined) return null;
        return (
          <div
            key={pane}
            className="legend"
            role="group"
            aria-label={m.chart.legend(pane === 0 ? props.symbol : rows.map((row) => row.label).join(', '))}
            style={{ top: box.top, maxHeight: box.height }}
            ref={pane === 0 ? headroom : undefined}
          >
            {pane === 0 && <PriceLegend {...props} index={index} />}
            {rows.map((row) => (
              <Row key={row.key} row={row} {...props} index={index} />
            ))}
          </div>
        );
      })}
    </div>
  );
}

/** Tells the view how much of the price pane the legend covers. */
function useHeadroom(view: ChartView): (legend: HTMLDivElement) => () => void {
  return useCallback(
    (legend) => {
      const observer = new ResizeObserver(() => {
        view.panes.setHeadroom(legend.offsetHeight);
      });
      observer.observe(legend);
      return () => {
        observer.disconnect();
      };
    },
    [view],
  );
}

function PriceLegend({ data, symbol, instrument, interval, currency, index }: LegendProps & { index: number }) {
  const { lang, m } = useTranslation();
  const bar = barAt(data, index);
  const trend = bar.change === null ? '' : bar.change >= 0 ? 'rising' : 'falling';
  const write = (value: number | null) => formatPrice(lang, currency, value);
  const values = [
    [m.chart.open, write(bar.o)],
    [m.chart.high, write(bar.h)],
    [m.chart.low, write(bar.l)],
    [m.chart.close, write(bar.c)],
  ] as const;
  return (
    <>
      <h1 className="legend-title">
        <span className="legend-symbol">{symbol}</span>
        {instrument !== undefined && <span className="legend-name">{instrument.name}</span>}
        <span className="legend-place">
          {[m.intervals[interval].short, instrument && term(lang, 'exchange', instrument.exchange), currency]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </h1>
      <p className={`legend-row ohlc ${trend}`}>
        {values.map(([name, value]) => (
          <span key={name} className="pair">
            <span className="pair-name">{name}</span> {value}
          </span>
        ))}
        <span className="pair">{bar.change === null ? MISSING : formatChange(lang, bar.change)}</span>
        <span className="pair">
          <span className="pair-name">{m.chart.volume}</span> {bar.v === null ? MISSING : formatCompact(lang, bar.v)}
        </span>
        <Origin data={data} interval={interval} index={index} />
        {actionsAt(data, index).map((action, place) => (
          <span key={place} className="pair event">
            {m.chart.actions[action.kind](describeAction(lang, action))}
          </span>
        ))}
      </p>
    </>
  );
}

/** Where a bar that was not stored as it stands came from, or that it lies outside its session. */
function Origin({ data, interval, index }: { data: ChartData; interval: Interval; index: number }) {
  const { m } = useTranslation();
  const source = data.source[index] ?? '1d';
  const phase = data.phase[index] ?? 'regular';
  const text = isIntraday(interval) ? m.chart.phases[phase] : m.chart.sources[source];
  return text === '' ? null : <span className="pair origin">{text}</span>;
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

function Row({ row, index, currency, onEdit, onRemove, onStopComparing }: LegendProps & { row: LegendRow; index: number }) {
  const { lang, m } = useTranslation();
  const { spec, label } = row;
  const remove = spec === null ? m.toolbar.stopComparing(label) : m.chart.removeIndicator(label);
  return (
    <div className="legend-row">
      <span className="legend-label">{label}</span>
      {/* Before the values, whose width changes with the bar: a button must not move away from the pointer. */}
      <span className="legend-actions">
        {spec !== null && (
          <button type="button" className="button tiny" aria-label={m.chart.editIndicator(label)} title={m.chart.editIndicator(label)} onClick={() => { onEdit(spec); }}>
            <Icon name="edit" />
          </button>
        )}
        <button type="button" className="button tiny" aria-label={remove} title={remove} onClick={() => { if (spec === null) onStopComparing(); else onRemove(spec); }}>
          <Icon name="close" />
        </button>
      </span>
      {row.values.map((value, position) => (
        <span key={position} className="legend-value" style={value.color === null ? undefined : { color: `var(--${value.color})` }}>
          {textOf(lang, currency, value, index)}
        </span>
      ))}
    </div>
  );
}

function textOf(lang: Language, currency: string, { column, unit, digits }: LegendValue, index: number): string {
  const value = column[index] ?? null;
  switch (unit) {
    case 'price':
      return formatPrice(lang, currency, value);
    case 'pattern':
      return value === null || value === 0 ? MISSING : value > 0 ? '▲' : '▼';
    case 'percent':
      return value === null ? MISSING : formatChange(lang, value / 100);
    case 'value':
      return formatValue(lang, value, digits);
  }
}

interface Bar {
  o: number | null;
  h: number | null;
  l: number | null;
  c: number | null;
  v: number | null;
  /** Against the close before, as a ratio. */
  change: number | null;
}

function barAt({ o, h, l, c, v }: ChartData, i: number): Bar {
  const [close, before] = [c[i] ?? null, c[i - 1] ?? null];
  return {
    o: o[i] ?? null,
    h: h[i] ?? null,
    l: l[i] ?? null,
    c: close,
    v: v[i] ?? null,
    change: close === null || before === null || before === 0 ? null : close / before - 1,
  };
}

/** The bar as a sentence, for a reader who does not see the chart. */
export function useDescription({ data, interval, currency, timeZone }: { data: ChartData; interval: Interval; currency: string; timeZone: string }) {
  const { lang, m } = useTranslation();
  return (index: number): string => {
    const t = data.t[index];
    if (t === undefined) return '';
    const bar = barAt(data, index);
    const write = (value: number | null) => formatPrice(lang, currency, value);
    const change = bar.change === null ? MISSING : formatChange(lang, bar.change);
    return m.chart.spoken(formatBarTime(lang, t, isIntraday(interval), timeZone), write(bar.o), write(bar.h), write(bar.l), write(bar.c), change);
  };
}
