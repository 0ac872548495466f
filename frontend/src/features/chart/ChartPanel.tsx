import { useEffect, useMemo, useRef, useState } from 'react';
import { ApiError } from '@/api/client';
import type { IndicatorDefinition, InstrumentDetail } from '@/api/types';
import type { LiveStanding, LiveState } from '@/domain/live';
import { byName, fullSpec } from '@/domain/indicatorSpec';
import { isIntraday } from '@/domain/intervals';
import type { Theme, ViewState } from '@/domain/viewState';
import { useTranslation } from '@/i18n';
import { epochSeconds } from '@/lib/brand';
import { Observable, useObservable } from '@/lib/observable';
import { priceStyle, type PriceStyle } from '@/lib/prices';
import { Failure, Loading, Message } from '@/ui/States';
import { useChart, useCompareBars } from './api';
import { AS_THEY_COME, leastHeight, movedBy, type Arrangement } from './arrangement';
import { CanvasHost, KeyboardReader } from './Canvas';
import type { ChartView } from './ChartView';
import { alignCloses } from './compare';
import { joinPages, pricesOf, type ChartData } from './data';
import type { Look } from './drawing';
import { useFirstBar } from './first';
import { useDescription } from './describe';
import { Legends } from './Legends';
import { hasGap, withLive } from './live';
import { buildModel, paneKeys, type ChartModel } from './model';
import { rangeSpan } from './ranges';

export interface ChartPanelProps {
  view: ViewState;
  theme: Theme;
  live: LiveState;
  instrument: InstrumentDetail | undefined;
  catalogue: readonly IndicatorDefinition[] | undefined;
  /** Raised by the page to set the view back to the range it is in. */
  resets: number;
  onChange: (patch: Partial<ViewState>) => void;
  onEditIndicator: (spec: string) => void;
}

const NOTHING = new Observable(0);
/** The next older page is fetched when fewer bars than this, or than half a view, are left of the view. */
const MARGIN_BARS = 60;

export function ChartPanel(props: ChartPanelProps) {
  const { view: state, instrument, live } = props;
  const [view, setView] = useState<ChartView | null>(null);
  const chart = useChart(state, state.range);
  const data = useChartData(state, chart, live);
  const timeZone = instrument?.timezone ?? chart.data?.pages[0]?.timezone ?? 'UTC';
  const compared = useCompared(state, data);
  const model = useModel(props, view, data, compared.closes, timeZone);
  const currency = instrument?.currency ?? 'USD';
  const prices = useMemo(() => priceStyle(currency, data?.c ?? []), [currency, data?.c]);
  const [arrangement, setArrangement] = useState(AS_THEY_COME);
  useDrawing(props, view, model, prices, arrangement);
  useRange(props, view, data, chart, live.bars?.run ?? '');
  useOlderBars(view, chart);
  const first = useFirstBar(view, chart, [state.symbol, state.interval, state.adjustment].join('|'));

  return (
    <div className="chart" style={{ minHeight: leastHeight(model?.paneCount ?? 1) }} aria-busy={chart.isFetching}>
      {chart.isFetching && <div className="progress" aria-hidden="true" />}
      <CanvasHost onView={setView} />
      {view !== null && data !== null && model !== null && data.t.length > 0 && (
        <Reading
          {...props}
          chartView={view}
          data={data}
          model={model}
          prices={prices}
          timeZone={timeZone}
          standing={live.standing}
          first={first}
          arrangement={arrangement}
          onArrange={setArrangement}
        />
      )}
      <Notices chart={chart} compared={compared} model={model} />
      <Overlay {...props} chart={chart} data={data} />
    </div>
  );
}

type ChartQuery = ReturnType<typeof useChart>;

/** What was loaded, with what came live since; loaded anew where bars are missing in between. */
function useChartData({ interval, extended }: ViewState, chart: ChartQuery, { bars }: LiveState): ChartData | null {
  const loaded = useMemo(() => (chart.data === undefined ? null : joinPages(chart.data.pages)), [chart.data]);
  const page = chart.data?.pages[0];
  const isSame = bars !== null && page?.symbol === bars.symbol && page.interval === bars.interval && page.adjustment === bars.adjustment;
  const live = isSame ? bars : null;
  const gap = loaded !== null && hasGap(loaded, live);
  const { refetch, dataUpdatedAt, isFetching } = chart;
  const asked = useRef<string | null>(null);
  const wanted = gap ? `${String(dataUpdatedAt)}|${String(live?.t[0])}` : null;
  useEffect(() => {
    if (wanted === null || isFetching || asked.current === wanted) return;
    asked.current = wanted;
    void refetch();
  }, [wanted, isFetching, refetch]);
  return useMemo(() => loaded && withLive(loaded, live, extended && isIntraday(interval)), [loaded, live, extended, interval]);
}

function useCompared(state: ViewState, data: ChartData | null) {
  const { compare, interval, adjustment } = state;
  const bars = useCompareBars({ symbol: compare, interval, adjustment, from: data?.t[0] ?? null });
  const closes = useMemo(() => {
    if (compare === null || data === null || bars.data === undefined) return null;
    return alignCloses(data.t, bars.data.t.map(epochSeconds), pricesOf(bars.data.c), interval);
  }, [compare, data, bars.data, interval]);
  return { symbol: compare, closes, error: bars.error, retry: bars.refetch };
}

function useModel(
  { view: state, catalogue }: ChartPanelProps,
  view: ChartView | null,
  data: ChartData | null,
  closes: ReturnType<typeof alignCloses> | null,
  timeZone: string,
): ChartModel | null {
  const { interval, compare } = state;
  const comparing = compare !== null && closes !== null;
  const visibleStart = useObservable(comparing && view !== null ? view.restingStart : NOTHING);
  const known = useMemo(() => byName(catalogue ?? []), [catalogue]);
  return useMemo(() => {
    if (data === null) return null;
    const other = compare !== null && closes !== null ? { symbol: compare, closes } : null;
    return buildModel({ data, interval, timeZone, catalogue: known, compare: other, visibleStart });
  }, [data, interval, timeZone, known, compare, closes, visibleStart]);
}

const EMPTY: ChartModel = {
  times: [],
  open: [],
  high: [],
  low: [],
  close: [],
  volume: [],
  rising: [],
  formingFrom: 0,
  series: [],
  marks: [],
  paneCount: 1,
  legends: [[]],
  percentBase: null,
  floor: 0,
};

function useDrawing(
  { view: state, theme }: ChartPanelProps,
  view: ChartView | null,
  model: ChartModel | null,
  prices: PriceStyle,
  arrangement: Arrangement,
): void {
  const { lang } = useTranslation();
  const intraday = isIntraday(state.interval);
  const { log } = state;
  useEffect(() => {
    const look: Look = { lang, prices, intraday, log, scheme: theme };
    view?.draw(model ?? EMPTY, look, arrangement);
  }, [view, model, lang, prices, intraday, log, theme, arrangement]);
}

/** Brings the range into view once for each new stock, interval, range, reset or replay; later panning is the reader's. */
function useRange({ view: state, resets }: ChartPanelProps, view: ChartView | null, data: ChartData | null, chart: ChartQuery, run: string): void {
  const { symbol, interval, range } = state;
  const wanted = [symbol, interval, range ?? '', resets, run].join('|');
  const shown = useRef<{ view: ChartView; wanted: string } | null>(null);
  const { hasNextPage, isFetching, isError, fetchNextPage } = chart;
  useEffect(() => {
    if (view === null || data === null || data.t.length === 0) return;
    if (shown.current?.view === view && shown.current.wanted === wanted) return;
    const span = range === null ? null : rangeSpan(data.t, range, data.hasEarlier);
    if (span?.incomplete === true && hasNextPage && !isError) {
      if (!isFetching) void fetchNextPage();
      return;
    }
    shown.current = { view, wanted };
    if (span === null) view.showLatest();
    else view.showFrom(span.first);
  }, [view, data, wanted, range, hasNextPage, isFetching, isError, fetchNextPage]);
}

function useOlderBars(view: ChartView | null, chart: ChartQuery): void {
  const { hasNextPage, isFetching, isFetchNextPageError, fetchNextPage } = chart;
  useEffect(() => {
    if (view === null || !hasNextPage || isFetching || isFetchNextPageError) return;
    const look = () => {
      const bars = view.visible.get();
      if (bars !== null && bars.from < Math.max(MARGIN_BARS, (bars.to - bars.from) / 2)) void fetchNextPage();
    };
    return view.visible.subscribe(look);
  }, [view, hasNextPage, isFetching, isFetchNextPageError, fetchNextPage]);
}

interface ReadingProps extends ChartPanelProps {
  chartView: ChartView;
  data: ChartData;
  model: ChartModel;
  prices: PriceStyle;
  timeZone: string;
  standing: LiveStanding;
  first: ReturnType<typeof useFirstBar>;
  arrangement: Arrangement;
  onArrange: (arrangement: Arrangement) => void;
}

function Reading(props: ReadingProps) {
  const { view: state, chartView, data, model, first, catalogue, onChange, onEditIndicator } = props;
  const { symbol, interval } = state;
  const describe = useDescription({ ...props, interval });
  const definitions = byName(catalogue ?? []);
  const specs = state.indicators.map((spec) => fullSpec(spec, definitions));
  return (
    <>
      <KeyboardReader view={chartView} symbol={symbol} count={data.t.length} describe={describe} onFirst={first.go} onMove={first.stay} />
      <Legends
        {...props}
        view={chartView}
        symbol={symbol}
        interval={interval}
        onEdit={onEditIndicator}
        onMove={(spec, step) => {
          const moved = movedBy(step, fullSpec(spec, definitions), paneKeys(model).slice(1).map((key) => fullSpec(key, definitions)), specs);
          if (moved !== null) onChange({ indicators: moved });
        }}
        onRemove={(spec) => {
          onChange({ indicators: state.indicators.filter((_, i) => specs[i] !== fullSpec(spec, definitions)) });
        }}
        onStopComparing={() => {
          onChange({ compare: null });
        }}
      />
    </>
  );
}

interface NoticesProps {
  chart: ChartQuery;
  compared: ReturnType<typeof useCompared>;
  model: ChartModel | null;
}

function Notices({ chart, compared, model }: NoticesProps) {
  const { m } = useTranslation();
  const { symbol, closes, error } = compared;
  const apart = closes !== null && closes.length > 0 && model?.percentBase === null;
  return (
    <div className="notices">
      {chart.isFetchingNextPage && <p role="status">{m.chart.loadingOlder}</p>}
      {chart.isFetchNextPageError && (
        <Notice text={m.chart.olderFailed} onRetry={() => void chart.fetchNextPage()} />
      )}
      {symbol !== null && error !== null && <Notice text={m.chart.compareFailed(symbol)} onRetry={() => void compared.retry()} />}
      {symbol !== null && apart && <p role="status">{m.chart.compareNoOverlap(symbol)}</p>}
    </div>
  );
}

function Notice({ text, onRetry }: { text: string; onRetry: () => void }) {
  const { m } = useTranslation();
  return (
    <p role="alert">
      {text}{' '}
      <button type="button" className="link" onClick={onRetry}>
        {m.actions.retry}
      </button>
    </p>
  );
}

/** What stands in the chart's place while there is none. */
function Overlay({ view: state, chart, data, onChange }: ChartPanelProps & { chart: ChartQuery; data: ChartData | null }) {
  const { m } = useTranslation();
  if (data !== null && data.t.length > 0) return null;
  return (
    <div className="overlay">
      {chart.isPending && <Loading label={m.chart.loading} />}
      {chart.isError && (
        <Failure error={chart.error} onRetry={() => void chart.refetch()}>
          {chart.error instanceof ApiError && chart.error.isClientFault && !chart.error.needsKey && state.indicators.length > 0 && (
            <button
              type="button"
              className="button outlined"
              onClick={() => {
                onChange({ indicators: [] });
              }}
            >
              {m.chart.removeIndicators}
            </button>
          )}
        </Failure>
      )}
      {chart.isSuccess && (
        <Message icon="empty" title={m.chart.emptyTitle} detail={m.chart.emptyDetail(state.symbol)} role="status">
          {state.interval !== '1d' && (
            <button
              type="button"
              className="button primary"
              onClick={() => {
                onChange({ interval: '1d' });
              }}
            >
              {m.chart.showDaily}
            </button>
          )}
        </Message>
      )}
    </div>
  );
}
