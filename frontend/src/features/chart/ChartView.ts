import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  LineStyle,
  PriceScaleMode,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type Time,
} from 'lightweight-charts';
import { barIndex, type BarIndex, type ChartSeconds } from '@/lib/brand';
import { Observable } from '@/lib/observable';
import type { Arrangement } from './arrangement';
import { barsOf, candleData, chartOptions, DASHES, markerOf, pointsOf, priceFormat, stamp, valueFormat, volumeData, type Look } from './drawing';
import { paneKeys, type ChartModel, type SeriesModel } from './model';
import { Panes } from './panes';

export interface VisibleBars {
  from: number;
  to: number;
}

type Line = ISeriesApi<'Line'> | ISeriesApi<'Histogram'>;

/** A new pane would take on the price pane's scale: its logarithm and the room for its legend. */
const INDICATOR_SCALE = { mode: PriceScaleMode.Normal, scaleMargins: { top: 0.22, bottom: 0.08 } };
const CROWDED_BARS = 900;
const SETTLED_MS = 80;

/** Puts a model on lightweight-charts and reports back what the reader does; it calculates nothing. */
export class ChartView {
  /** Bar under the crosshair. */
  readonly crosshair = new Observable<BarIndex | null>(null);
  readonly visible = new Observable<VisibleBars | null>(null);
  /** First visible bar once a movement has come to rest. */
  readonly restingStart = new Observable(0);
  readonly panes: Panes;

  private readonly host: HTMLElement;
  private readonly chart: IChartApi;
  private readonly candles: ISeriesApi<'Candlestick'>;
  private readonly volume: ISeriesApi<'Histogram'>;
  private readonly marks: ISeriesMarkersPluginApi<Time>;
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
    this.panes = new Panes(host, this.chart, () => this.candles.priceScale());
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
    this.panes.destroy();
    this.chart.remove();
  }

  draw(model: ChartModel, look: Look, arrangement: Arrangement): void {
    this.model = model;
    this.panes.remember();
    this.applyLook(model, look);
    this.rebuildLines(model);
    this.candles.setData(candleData(model, this.paint));
    this.volume.setData(volumeData(model, this.paint));
    model.series.forEach((series, i) => {
      this.drawLine(this.lines[i], series, model, look);
    });
    this.drawMarks();
    if (this.pointedTime !== null) this.pointAgain(model);
    this.show(model, this.panes.arrange(paneKeys(model), arrangement));
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

  private applyLook(model: ChartModel, look: Look): void {
    const { paint } = this;
    const percent = model.percentBase !== null;
    this.chart.applyOptions(chartOptions(look, getComputedStyle(this.host).fontFamily, paint));
    this.candles.priceScale().applyOptions({ mode: look.log && !percent ? PriceScaleMode.Logarithmic : PriceScaleMode.Normal });
    const isForming = model.formingFrom < model.times.length;
    this.candles.applyOptions({
      borderVisible: isForming,
      // A hollow candle would give its price a line and a label that nobody sees.
      priceLineColor: isForming ? paint(model.rising.at(-1) === true ? 'up' : 'down') : '',
      borderUpColor: paint('up'),
      borderDownColor: paint('down'),
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
    for (const pane of this.chart.panes().slice(1)) pane.priceScale('right').applyOptions(INDICATOR_SCALE);
    this.addGuides(model);
  }

  private show(model: ChartModel, open: readonly boolean[]): void {
    for (const series of [this.candles, this.volume]) series.applyOptions({ visible: open[0] ?? true });
    model.series.forEach((series, i) => this.lines[i]?.applyOptions({ visible: open[series.pane] ?? true }));
  }

  private addGuides(model: ChartModel): void {
    const color = this.paint('guide');
    model.series.forEach((series, i) => {
      for (const level of series.guides) {
        this.lines[i]?.createPriceLine({ price: level, color, lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: false, title: '' });
      }
    });
  }

  private drawLine(line: Line | undefined, series: SeriesModel, model: ChartModel, look: Look): void {
    if (line === undefined) return;
    const common = {
      color: this.paint(series.color),
      lastValueVisible: series.kind === 'line' && (series.pane > 0 || series.key === 'compare'),
      priceFormat: series.pane === 0 ? priceFormat(look, model) : valueFormat(look, series.digits),
    };
    if (series.kind === 'histogram') {
      line.applyOptions(common);
      line.setData(barsOf(series, model, this.paint));
    } else {
      line.applyOptions({ ...common, lineWidth: series.width, lineStyle: DASHES[series.dash] });
      line.setData(pointsOf(series, model, this.paint));
    }
  }
}
