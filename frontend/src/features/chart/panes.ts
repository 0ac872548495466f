import type { IChartApi, IPriceScaleApi } from 'lightweight-charts';
import { Observable } from '@/lib/observable';

/** Place of a pane in the host element, in pixels. */
export interface PaneBox {
  top: number;
  height: number;
}

/** Says where the panes lie, however they came there, and keeps the prices below their legend. */
export class Panes {
  readonly boxes = new Observable<readonly PaneBox[]>([]);

  private readonly host: HTMLElement;
  private readonly chart: IChartApi;
  private readonly priceScale: () => IPriceScaleApi;
  private readonly observer = new ResizeObserver(() => {
    this.measure();
  });
  private headroom = 0;

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

  /** To be called when panes have come or gone. The library lays them out in its next frame. */
  watch(): void {
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
    this.makeRoom();
    const origin = this.host.getBoundingClientRect().top;
    const boxes = this.chart.panes().map((pane) => {
      const box = pane.getHTMLElement()?.getBoundingClientRect();
      return { top: Math.round((box?.top ?? origin) - origin), height: Math.round(box?.height ?? 0) };
    });
    if (JSON.stringify(boxes) !== JSON.stringify(this.boxes.get())) this.boxes.set(boxes);
  }
}
