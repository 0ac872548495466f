import {
  LineStyle,
  TickMarkType,
  type ChartOptions,
  type DeepPartial,
  type HistogramData,
  type LineData,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
  type WhitespaceData,
} from 'lightweight-charts';
import type { Language } from '@/domain/viewState';
import { chartSeconds, epochSeconds, type ChartSeconds } from '@/lib/brand';
import { formatBarTime, formatDecimal, formatTick, formatValue, localeOf, type AxisTick } from '@/lib/format';
import { formatPrice, priceDigits, type PriceStyle } from '@/lib/prices';
import { axisLabels, type ChartModel, type Dash, type MarkModel, type SeriesModel } from './model';

/** How to draw and write what the model says. */
export interface Look {
  lang: Language;
  prices: PriceStyle;
  intraday: boolean;
  log: boolean;
  /** Changes whenever the colours of the style sheet do. */
  scheme: string;
}

/** A colour of the style sheet by its name. */
export type Paint = (name: string) => string;

export const DASHES: Record<Dash, LineStyle> = {
  solid: LineStyle.Solid,
  dashed: LineStyle.Dashed,
  dotted: LineStyle.Dotted,
};
const TICKS: Record<TickMarkType, AxisTick> = {
  [TickMarkType.Year]: 'year',
  [TickMarkType.Month]: 'month',
  [TickMarkType.DayOfMonth]: 'day',
  [TickMarkType.Time]: 'minute',
  [TickMarkType.TimeWithSeconds]: 'second',
};

export const stamp = (t: ChartSeconds): UTCTimestamp => t as number as UTCTimestamp;

export function chartOptions(look: Look, fontFamily: string, paint: Paint): DeepPartial<ChartOptions> {
  return {
    layout: {
      background: { color: paint('ground') },
      textColor: paint('text-quiet'),
      fontFamily,
      panes: { separatorColor: paint('line'), separatorHoverColor: paint('hover') },
    },
    grid: { vertLines: { color: paint('grid') }, horzLines: { color: paint('grid') } },
    crosshair: {
      vertLine: { color: paint('text-quiet'), labelBackgroundColor: paint('label') },
      horzLine: { color: paint('text-quiet'), labelBackgroundColor: paint('label') },
    },
    localization: {
      locale: localeOf(look.lang),
      timeFormatter: (time: Time) => formatBarTime(look.lang, epochSeconds(Number(time)), look.intraday, 'UTC'),
    },
    timeScale: {
      timeVisible: look.intraday,
      tickMarkFormatter: (time: Time, tick: TickMarkType) => formatTick(look.lang, chartSeconds(Number(time)), TICKS[tick], look.intraday),
    },
  };
}

/** A look ahead at bars that are not closed is fainter. */
export function pointsOf(series: SeriesModel, model: ChartModel, paint: Paint): (LineData<UTCTimestamp> | WhitespaceData<UTCTimestamp>)[] {
  const faint = `${paint(series.color)}80`;
  return model.times.map((t, i) => {
    const value = series.values[i];
    if (value === null || value === undefined) return { time: stamp(t) };
    return i < model.formingFrom ? { time: stamp(t), value } : { time: stamp(t), value, color: faint };
  });
}

/** A candle that is not closed is hollow. */
export function candleData(model: ChartModel, paint: Paint) {
  const hollow = { color: paint('ground') };
  return model.times.map((t, i) => {
    const [open, high, low, close] = [model.open[i], model.high[i], model.low[i], model.close[i]];
    if (open == null || high == null || low == null || close == null) return { time: stamp(t) };
    const candle = { time: stamp(t), open, high, low, close };
    return i < model.formingFrom ? candle : { ...candle, ...hollow };
  });
}

export function volumeData(model: ChartModel, paint: Paint): HistogramData<UTCTimestamp>[] {
  const [up, down] = [paint('up-faint'), paint('down-faint')];
  return model.times.map((t, i) => ({ time: stamp(t), value: model.volume[i] ?? 0, color: model.rising[i] === true ? up : down }));
}

/** Bars above 0 in the colour of rising, below in that of falling; fainter while they shrink. */
export function barsOf(series: SeriesModel, model: ChartModel, paint: Paint) {
  const colors = { up: paint('up'), upFaint: paint('up-faint'), down: paint('down'), downFaint: paint('down-faint') };
  return model.times.map((t, i) => {
    const value = series.values[i];
    if (value == null) return { time: stamp(t) };
    const growing = Math.abs(value) >= Math.abs(series.values[i - 1] ?? 0);
    const full = growing && i < model.formingFrom;
    const color = value >= 0 ? (full ? colors.up : colors.upFaint) : full ? colors.down : colors.downFaint;
    return { time: stamp(t), value, color };
  });
}

export function priceFormat({ lang, prices }: Look, { percentBase, floor, close }: ChartModel) {
  const percent = percentBase !== null;
  const formatter = (value: number) => (percent ? `${formatDecimal(lang, value, 2)}%` : formatPrice(lang, prices, value));
  const tickmarksFormatter = (values: readonly number[]) => axisLabels(values, floor, formatter);
  const smallest = close.reduce<number>((least, one) => (one === null || one === 0 ? least : Math.min(least, Math.abs(one))), 1);
  const minMove = percent ? 0.01 : 10 ** -priceDigits(prices, smallest);
  return { type: 'custom', minMove, formatter, tickmarksFormatter } as const;
}

export function valueFormat({ lang }: Look, digits: number) {
  return { type: 'custom', minMove: 10 ** -digits, formatter: (value: number) => formatValue(lang, value, digits) } as const;
}

export function markerOf(mark: MarkModel, model: ChartModel, paint: Paint): SeriesMarker<Time> {
  const time = stamp(model.times[mark.index] ?? chartSeconds(0));
  switch (mark.kind) {
    case 'rise':
      return { time, position: 'belowBar', shape: 'arrowUp', color: paint('up'), size: 0.8 };
    case 'fall':
      return { time, position: 'aboveBar', shape: 'arrowDown', color: paint('down'), size: 0.8 };
    case 'split':
      return { time, position: 'belowBar', shape: 'square', color: paint('accent'), size: 0.7, text: 'S' };
    case 'accepted':
      return { time, position: 'aboveBar', shape: 'circle', color: paint('warn'), size: 0.4, text: '✓' };
    case 'dividend':
      return { time, position: 'belowBar', shape: 'circle', color: paint('text-quiet'), size: 0.4 };
  }
}
