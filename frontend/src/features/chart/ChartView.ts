import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  LineStyle,
  PriceScaleMode,
  TickMarkType,
  type HistogramData,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type SeriesMarker,
  type Time,
  type UTCTimestamp,
  type WhitespaceData,
} from 'lightweight-charts';
import type { Language } from '@/domain/viewState';
import { barIndex, chartSeconds, epochSeconds, type BarIndex, type ChartSeconds } from '@/lib/brand';
import { currencyDigits, formatBarTime, formatDecimal, formatPrice, formatTick, formatValue, localeOf, type AxisTick } from '@/lib/format';
import { Observable } from '@/lib/observable';
import { axisLabels, type ChartModel, type Dash, type MarkModel, type SeriesModel } from './model';

/** Place of a pane in the host element, in pixels. */
export interface PaneBox {
  top: number;
  height: number;
}

export interface VisibleBars {
  from: number;
  to: number;
}

/** How to draw and write what the model says. */
export interface Look {
  lang: Language;
  currency: string;
  intraday: boolean;
  log: boolean;
  /** Changes whenever the colours of the style sheet do. */
  scheme: string;
}

type Line = ISeriesApi<'Line'> | ISeriesApi<'Histogram'>;

const DASHES: Record<Dash, LineStyle> = {
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
/** A new pane would take on the price pane's scale: its logarithm and the room for its legend. */
const INDICATOR_SCALE = { mode: PriceScaleMode.Normal, scaleMargins: { top: 0.22, bottom: 0.08 } };
const CROWDED_BARS = 900;
const SETTLED_MS = 80;
const stamp = (t: ChartSeconds): UTCTimestamp => t as number as UTCTimestamp;

/** Puts a model on lightweight-charts and reports back what the reader does; it calculates nothing. */
export class ChartView {
  /** Bar under the crosshair. */
  readonly crosshair = new Observable<BarIndex | null>(null);
  readonly visible = new Observable<VisibleBars | null>(null);
  /** First visible bar once a movement has come to rest. */
  readonly restingStart = new Observable(0);
  readonly panes = new Observable<readonly PaneBox[]>([]);

  private readonly host: HTMLElement;
  private readonly chart: IChartApi;
  private readonly candles: ISeriesApi<'Candlestick'>;
  private readonly volume: ISeriesApi<'Histogram'>;
  private readonly marks: ISeriesMarkersPluginApi<Time>;
  private readonly paneObserver = new ResizeObserver(() => {
    this.measurePanes();
  });
  private headroom = 0;
  /** Time of the bar that the keyboard points at; it stays there when older bars move its index. */
  private pointedTime: ChartSeconds | null = null;
  private lines: Line[] = [];
  private shape = '';
  private model: ChartModel | null = null;
  private restTimer = 0;

  constructor(host: HTMLElement) {
    this.host = host;
    this.chart = createChart(host, {
      autoSize: true,
      layout: { attributionLogo: false, fontSize: 12, panes: { enableResize: true } },
      crosshair: { mode: CrosshairMode.Normal },
      rightPriceScale: { borderVisible: false },
      timeScale: { borderVisible: false, rightOffset: 3, minBarSpacing: 0.05, secondsVisible: false, lockVisibleTimeRangeOnResize: true },
      handleScroll: { vertTouchDrag: false },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { borderVisible: false });
    this.makeRoom();
    this.volume = this.chart.addSeries(HistogramSeries, {
      priceScaleId: 'volume',
      priceFormat: { type: 'volume' },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.marks = createSeriesMarkers(this.candles, []);
    this.listen();
  }

  destroy(): void {
    clearTimeout(this.restTimer);
    this.paneObserver.disconnect();
    this.chart.remove();
  }

  draw(model: ChartModel, look: Look): void {
    this.model = model;
    const { paint } = this;
    this.applyLook(model, look, paint);
    this.rebuildLines(model);
    this.candles.setData(candleData(model));
    this.volume.setData(volumeData(model, paint));
    model.series.forEach((series, i) => {
      this.drawLine(this.lines[i], series, model, look, paint);
    });
    this.drawMarks();
    if (this.pointedTime !== null) this.pointAgain(model);
    this.measurePanesSoon();
  }

  /** Shows the bars from index `first` to the last one, with some room after it. */
  showFrom(first: number): void {
    const count = this.model?.times.length ?? 0;
    if (count === 0) return;
    const shown = count - first;
    this.chart.timeScale().setVisibleLogicalRange({ from: first - 0.5, to: count - 0.5 + Math.max(1, shown * 0.03) });
    this.candles.priceScale().applyOptions({ autoScale: true });
  }

  showLatest(): void {
    const fitting = Math.floor(this.host.clientWidth / 7);
    this.showFrom(Math.max(0, (this.model?.times.length ?? 0) - fitting));
  }

  zoom(factor: number): void {
    const range = this.chart.timeScale().getVisibleLogicalRange();
    if (range === null) return;
    const span = Math.max(10, (range.to - range.from) * factor);
    this.chart.timeScale().setVisibleLogicalRange({ from: range.to - span, to: range.to });
  }

  /** Moves the crosshair to a bar, and the view after it where it was outside. */
  pointAt(index: BarIndex): void {
    const time = this.model?.times[index];
    const close = this.model?.close[index] ?? null;
    if (time === undefined || close === null) return;
    this.pointedTime = time;
    this.reveal(index);
    this.chart.setCrosshairPosition(close, stamp(time), this.candles);
    this.crosshair.set(index);
  }

  private pointAgain(model: ChartModel): void {
    const index = this.pointedTime === null ? -1 : model.times.indexOf(this.pointedTime);
    if (index >= 0) this.pointAt(barIndex(index));
    else this.pointNowhere();
  }

  /** Keeps the prices below a legend of this height, as far as the pane allows. */
  setHeadroom(height: number): void {
    this.headroom = height;
    this.makeRoom();
  }

  private makeRoom(): void {
    const pane = this.chart.panes()[0]?.getHeight() ?? 0;
    const top = Math.min(0.42, Math.max(0.06, (this.headroom + 12) / Math.max(1, pane)));
    this.candles.priceScale().applyOptions({ scaleMargins: { top, bottom: 0.2 } });
  }

  pointNowhere(): void {
    this.pointedTime = null;
    this.chart.clearCrosshairPosition();
    this.crosshair.set(null);
  }

  /** Dividends come every quarter: over many years they would hide the prices. */
  private drawMarks(): void {
    const model = this.model;
    const bars = this.visible.get();
    const crowded = bars !== null && bars.to - bars.from > CROWDED_BARS;
    const marks = (model?.marks ?? []).filter((mark) => !(crowded && mark.kind === 'dividend'));
    this.marks.setMarkers(model === null ? [] : marks.map((mark) => markerOf(mark, model, this.paint)));
  }

  private readonly paint = (name: string): string => getComputedStyle(this.host).getPropertyValue(`--${name}`).trim();

  private reveal(index: BarIndex): void {
    const scale = this.chart.timeScale();
    const range = scale.getVisibleLogicalRange();
    if (range === null || (index >= range.from && index <= range.to)) return;
    const shift = index < range.from ? index - range.from - 1 : index - range.to + 1;
    scale.setVisibleLogicalRange({ from: range.from + shift, to: range.to + shift });
  }

  private listen(): void {
    this.chart.subscribeCrosshairMove(({ logical, time, sourceEvent }) => {
      if (sourceEvent === undefined && this.pointedTime !== null) return;
      this.pointedTime = null;
      const known = logical !== undefined && time !== undefined && this.model?.times[logical] !== undefined;
      this.crosshair.set(known ? barIndex(logical) : null);
    });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      this.visible.set(range && { from: range.from, to: range.to });
      clearTimeout(this.restTimer);
      this.restTimer = window.setTimeout(() => {
        this.drawMarks();
        this.restingStart.set(Math.max(0, Math.ceil(range?.from ?? 0)));
      }, SETTLED_MS);
    });
  }

  private applyLook(model: ChartModel, look: Look, paint: (name: string) => string): void {
    const percent = model.percentBase !== null;
    this.chart.applyOptions({
      layout: {
        background: { color: paint('ground') },
        textColor: paint('text-quiet'),
        fontFamily: getComputedStyle(this.host).fontFamily,
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
        tickMarkFormatter: (time: Time, tick: TickMarkType) => formatTick(look.lang, chartSeconds(Number(time)), TICKS[tick]),
      },
    });
    this.candles.priceScale().applyOptions({ mode: look.log && !percent ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal });
    this.candles.applyOptions({
      upColor: paint('up'),
      wickUpColor: paint('up'),
      downColor: paint('down'),
      wickDownColor: paint('down'),
      priceFormat: priceFormat(look, model),
    });
  }

  /** Series are made anew only when their number, kind or place changes; the pane of the last one goes with it. */
  private rebuildLines(model: ChartModel): void {
    const shape = model.series.map((series) => `${series.key}@${String(series.pane)}${series.kind}`).join(' ');
    if (shape === this.shape) return;
    this.shape = shape;
    for (const line of this.lines) this.chart.removeSeries(line);
    this.lines = model.series.map((series) =>
      series.kind === 'histogram'
        ? this.chart.addSeries(HistogramSeries, { priceLineVisible: false }, series.pane)
        : this.chart.addSeries(LineSeries, { priceLineVisible: false, crosshairMarkerRadius: 3 }, series.pane),
    );
    this.chart.panes().forEach((pane, position) => {
      pane.setStretchFactor(position === 0 ? 3 : 1);
      if (position > 0) pane.priceScale('right').applyOptions(INDICATOR_SCALE);
    });
    this.addGuides(model);
    this.watchPanes();
  }

  private addGuides(model: ChartModel): void {
    const color = this.paint('guide');
    model.series.forEach((series, i) => {
      for (const level of series.guides) {
        this.lines[i]?.createPriceLine({ price: level, color, lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: false, title: '' });
      }
    });
  }

  private drawLine(line: Line | undefined, series: SeriesModel, model: ChartModel, look: Look, paint: (name: string) => string): void {
    if (line === undefined) return;
    const common = {
      color: paint(series.color),
      lastValueVisible: series.kind === 'line' && (series.pane > 0 || series.key === 'compare'),
      priceFormat: series.pane === 0 ? priceFormat(look, model) : valueFormat(look, series.digits),
    };
    if (series.kind === 'histogram') {
      line.applyOptions(common);
      line.setData(barsOf(series, model, paint));
    } else {
      line.applyOptions({ ...common, lineWidth: series.width, lineStyle: DASHES[series.dash] });
      line.setData(model.times.map((t, i) => point(t, series.values[i])));
    }
  }

  private watchPanes(): void {
    this.paneObserver.disconnect();
    this.paneObserver.observe(this.host);
    for (const pane of this.chart.panes()) {
      const element = pane.getHTMLElement();
      if (element !== null) this.paneObserver.observe(element);
    }
  }

  /** The library lays panes out in its next frame. */
  private measurePanesSoon(): void {
    requestAnimationFrame(() => {
      requestAnimationFrame(() => {
        if (!this.host.isConnected) return;
        this.watchPanes();
        this.measurePanes();
      });
    });
  }

  private measurePanes(): void {
    this.makeRoom();
    const origin = this.host.getBoundingClientRect().top;
    const boxes = this.chart.panes().map((pane) => {
      const box = pane.getHTMLElement()?.getBoundingClientRect();
      return { top: Math.round((box?.top ?? origin) - origin), height: Math.round(box?.height ?? 0) };
    });
    if (JSON.stringify(boxes) !== JSON.stringify(this.panes.get())) this.panes.set(boxes);
  }
}

function point(t: ChartSeconds, value: number | null | undefined): { time: UTCTimestamp; value: number } | WhitespaceData<UTCTimestamp> {
  return value === null || value === undefined ? { time: stamp(t) } : { time: stamp(t), value };
}

function candleData(model: ChartModel) {
  return model.times.map((t, i) => {
    const [open, high, low, close] = [model.open[i], model.high[i], model.low[i], model.close[i]];
    if (open == null || high == null || low == null || close == null) return { time: stamp(t) };
    return { time: stamp(t), open, high, low, close };
  });
}

function volumeData(model: ChartModel, paint: (name: string) => string): HistogramData<UTCTimestamp>[] {
  const [up, down] = [paint('up-faint'), paint('down-faint')];
  return model.times.map((t, i) => ({ time: stamp(t), value: model.volume[i] ?? 0, color: model.rising[i] === true ? up : down }));
}

/** Bars above 0 in the colour of rising, below in that of falling; fainter while they shrink. */
function barsOf(series: SeriesModel, model: ChartModel, paint: (name: string) => string) {
  const colors = { up: paint('up'), upFaint: paint('up-faint'), down: paint('down'), downFaint: paint('down-faint') };
  return model.times.map((t, i) => {
    const value = series.values[i];
    if (value == null) return { time: stamp(t) };
    const growing = Math.abs(value) >= Math.abs(series.values[i - 1] ?? 0);
    const color = value >= 0 ? (growing ? colors.up : colors.upFaint) : growing ? colors.down : colors.downFaint;
    return { time: stamp(t), value, color };
  });
}

function priceFormat({ lang, currency }: Look, { percentBase, floor }: ChartModel) {
  const percent = percentBase !== null;
  const formatter = (value: number) => (percent ? `${formatDecimal(lang, value, 2)}%` : formatPrice(lang, currency, value));
  const tickmarksFormatter = (values: readonly number[]) => axisLabels(values, floor, formatter);
  const minMove = percent ? 0.01 : 10 ** -currencyDigits(currency);
  return { type: 'custom', minMove, formatter, tickmarksFormatter } as const;
}

function valueFormat({ lang }: Look, digits: number) {
  return { type: 'custom', minMove: 10 ** -digits, formatter: (value: number) => formatValue(lang, value, digits) } as const;
}

function markerOf(mark: MarkModel, model: ChartModel, paint: (name: string) => string): SeriesMarker<Time> {
  const time = stamp(model.times[mark.index] ?? chartSeconds(0));
  switch (mark.kind) {
    case 'rise':
      return { time, position: 'belowBar', shape: 'arrowUp', color: paint('up'), size: 0.8 };
    case 'fall':
      return { time, position: 'aboveBar', shape: 'arrowDown', color: paint('down'), size: 0.8 };
    case 'split':
      return { time, position: 'belowBar', shape: 'square', color: paint('accent'), size: 0.7, text: 'S' };
    case 'dividend':
      return { time, position: 'belowBar', shape: 'circle', color: paint('text-quiet'), size: 0.4 };
  }
}
