import type { IChartApi, IPriceScaleApi } from 'lightweight-charts';
import { Observable } from '@/lib/observable';
import { AS_THEY_COME, PRICE_PANE, sharesOf, sizesOf, type Arrangement, type PaneSize } from './arrangement';

/** Place of a pane in the host element, in pixels. */
export interface PaneBox {
  top: number;
  height: number;
  /** Whether its bars and lines are drawn. */
  open: boolean;
}

export interface PaneLayout {
  boxes: readonly PaneBox[];
  /** Width of the price axes, which all panes share. */
  axisWidth: number;
}

/** Sets the panes out, says where they lie, and keeps the prices below their legend. */
export class Panes {
  readonly layout = new Observable<PaneLayout>({ boxes: [], axisWidth: 0 });

  private readonly host: HTMLElement;
  private readonly chart: IChartApi;
  private readonly priceScale: () => IPriceScaleApi;
  private readonly observer = new ResizeObserver(() => {
    this.measure();
  });
  private headroom = 0;
  private keys: readonly string[] = [PRICE_PANE];
  private arrangement = AS_THEY_COME;
  private shares: ReadonlyMap<string, number> = new Map();
  /** As last set, and for how much room. */
  private sizes: readonly PaneSize[] = [];
  private total = 0;

  constructor(host: HTMLElement, chart: IChartApi, priceScale: () => IPriceScaleApi) {
    this.host = host;
    this.chart = chart;
    this.priceScale = priceScale;
    this.makeRoom();
  }

  destroy(): void {
    this.observer.disconnect();
  }

  /** Keeps the prices below a legend of this height, as far as the pane allows. */
  setHeadroom(height: number): void {
    this.headroom = height;
    this.makeRoom();
  }

  /** Keeps what the reader made of the panes by moving their borders; to be called before panes come or go. */
  remember(): void {
    const heights = this.chart.panes().map((pane) => pane.getHTMLElement()?.getBoundingClientRect().height ?? 0);
    const settled = heights.length === this.sizes.length && Math.abs(heights.reduce((sum, one) => sum + one, 0) - this.total) < 4;
    const moved = heights.some((height, i) => Math.abs(height - (this.sizes[i]?.height ?? 0)) > 4);
    if (settled && moved) this.shares = sharesOf(this.keys, heights, this.sizes, this.shares);
  }

  /** Sets out these panes, the price pane first; returns which of them show what is in them. */
  arrange(keys: readonly string[], arrangement: Arrangement): readonly boolean[] {
    this.keys = keys;
    this.arrangement = arrangement;
    this.setOut();
    this.watch();
    return this.sizes.map(({ open }) => open);
  }

  private setOut(): void {
    this.total = this.room();
    this.sizes = sizesOf(this.keys, this.total, this.arrangement, this.shares);
    this.chart.panes().forEach((pane, i) => {
      pane.setStretchFactor(Math.max(1, this.sizes[i]?.height ?? 1));
    });
  }

  /** Height of all panes together, without the time axis and the borders. */
  private room(): number {
    return this.host.clientHeight - this.chart.timeScale().height() - (this.keys.length - 1);
  }

  /** The library lays panes out in its next frame. */
  private watch(): void {
    requestAnimationFrame(() => {
      requestAnimationFrame(() => {
        if (!this.host.isConnected) return;
        this.observe();
        this.measure();
      });
    });
  }

  private makeRoom(): void {
    const pane = this.chart.panes()[0]?.getHeight() ?? 0;
    const top = Math.min(0.42, Math.max(0.06, (this.headroom + 12) / Math.max(1, pane)));
    this.priceScale().applyOptions({ scaleMargins: { top, bottom: 0.2 } });
  }

  private observe(): void {
    this.observer.disconnect();
    this.observer.observe(this.host);
    for (const pane of this.chart.panes()) {
      const element = pane.getHTMLElement();
      if (element !== null) this.observer.observe(element);
    }
  }

  private measure(): void {
    // Strips keep their height when the window changes its own.
    if (this.room() !== this.total) this.setOut();
    this.makeRoom();
    const origin = this.host.getBoundingClientRect().top;
    const boxes = this.chart.panes().map((pane, i) => {
      const box = pane.getHTMLElement()?.getBoundingClientRect();
      return { top: Math.round((box?.top ?? origin) - origin), height: Math.round(box?.height ?? 0), open: this.sizes[i]?.open ?? true };
    });
    const layout = { boxes, axisWidth: this.chart.priceScale('right').width() };
    if (JSON.stringify(layout) !== JSON.stringify(this.layout.get())) this.layout.set(layout);
  }
}
