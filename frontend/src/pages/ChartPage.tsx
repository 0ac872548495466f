import { useEffect, useState } from 'react';
import { ApiError } from '@/api/client';
import type { InstrumentDetail } from '@/api/types';
import { intervalFor, isIntraday, rangeFor } from '@/domain/intervals';
import type { LiveState, LiveTopic } from '@/domain/live';
import type { ViewState } from '@/domain/viewState';
import { AdjustmentSelect, ChartPanel, ExtendedToggle, IntervalPicker, LogToggle, RangePicker } from '@/features/chart';
import { IndicatorDialog, prepareIndicatorDialog, useCatalogue } from '@/features/indicators';
import { useInstrument, useSomeInstruments } from '@/features/instrument';
import { useLivePrices } from '@/features/live';
import { QualityBadge } from '@/features/quality';
import { CompareControl, SymbolSearch } from '@/features/search';
import { SentimentPane } from '@/features/sentiment';
import { useTranslation } from '@/i18n';
import { formatChange, formatTimeZone } from '@/lib/format';
import { changeOf, formatPrice, priceStyle } from '@/lib/prices';
import { Icon } from '@/ui/Icon';
import { Message } from '@/ui/States';
import { Header } from './Header';
import type { PageProps } from './page';

/** null = closed. */
type DialogState = { editing: string | null } | null;

export function ChartPage(props: PageProps) {
  const { view, theme, change } = props;
  const { lang, m } = useTranslation();
  const instrument = useInstrument(view.symbol);
  const catalogue = useCatalogue();
  const [dialog, setDialog] = useState<DialogState>(null);
  const [resets, setResets] = useState(0);
  const live = useLivePrices(topicOf(view, instrument.data));
  const unknown = instrument.error instanceof ApiError && instrument.error.isNotFound;
  useDocumentTitle(view.symbol, instrument.data, live);

  return (
    <>
      <a className="skip" href="#chart">
        {m.skipToChart}
      </a>
      <Header page="chart" {...props}>
        <SymbolSearch
          onChoose={(symbol) => {
            change({ symbol, compare: view.compare === symbol ? null : view.compare });
          }}
        />
      </Header>
      <Toolbar
        {...props}
        instrument={instrument.data}
        onIndicators={() => {
          setDialog({ editing: null });
        }}
      />
      <main id="chart" className="stage" tabIndex={-1}>
        {unknown ? (
          <UnknownSymbol {...props} />
        ) : (
          <ChartPanel
            view={view}
            theme={theme}
            live={live}
            instrument={instrument.data}
            catalogue={catalogue.data}
            resets={resets}
            onChange={change}
            onEditIndicator={(spec) => {
              setDialog({ editing: spec });
            }}
          />
        )}
      </main>
      <SentimentPane symbol={view.symbol} interval={view.interval} known={instrument.isSuccess} />
      <footer className="footer">
        <RangePicker
          value={view.range}
          onChoose={(range) => {
            setResets(resets + 1);
            change({ range, interval: intervalFor(range, view.interval, instrument.data?.intervals ?? []) });
          }}
        />
        <span className="footer-end">
          {instrument.data !== undefined && <span className="wide-only">{formatTimeZone(lang, instrument.data.timezone)}</span>}
          <LogToggle
            on={view.log}
            disabled={view.compare !== null}
            onChange={(log) => {
              change({ log });
            }}
          />
        </span>
        {/* The licence of lightweight-charts asks for this link, on every screen. */}
        <a className="attribution" href="https://www.tradingview.com/" target="_blank" rel="noreferrer">
          {m.chart.attribution}
        </a>
      </footer>
      {dialog !== null && (
        <IndicatorDialog
          present={view.indicators}
          editing={dialog.editing}
          onChange={(indicators) => {
            change({ indicators });
          }}
          onEdit={(spec) => {
            setDialog({ editing: spec });
          }}
          onClose={() => {
            setDialog(null);
          }}
        />
      )}
    </>
  );
}

/** Nothing is followed before the stock is known: without a key, or of a stock that is not there, nothing comes. */
function topicOf(view: ViewState, instrument: InstrumentDetail | undefined): LiveTopic | null {
  if (instrument === undefined) return null;
  const { interval, adjustment, indicators } = view;
  return { symbol: instrument.symbol, interval, adjustment, indicators };
}

interface ToolbarProps extends PageProps {
  instrument: InstrumentDetail | undefined;
  onIndicators: () => void;
}

function Toolbar({ view, change, instrument, onIndicators }: ToolbarProps) {
  const { m } = useTranslation();
  return (
    <section className="toolbar" aria-label={m.toolbar.label}>
      <IntervalPicker
        value={view.interval}
        available={instrument?.intervals ?? null}
        onChoose={(interval) => {
          change({ interval, range: rangeFor(interval, view.range) });
        }}
      />
      <div className="toolbar-tools">
        <AdjustmentSelect
          value={view.adjustment}
          onChoose={(adjustment) => {
            change({ adjustment });
          }}
        />
        {isIntraday(view.interval) && instrument?.extended_hours === true && (
          <ExtendedToggle
            on={view.extended}
            onChange={(extended) => {
              change({ extended });
            }}
          />
        )}
        <button
          type="button"
          className="button"
          onClick={onIndicators}
          onPointerEnter={prepareIndicatorDialog}
          onFocus={prepareIndicatorDialog}
        >
          <Icon name="indicator" />
          {m.toolbar.indicators}
        </button>
        <CompareControl
          symbol={view.symbol}
          compare={view.compare}
          onChange={(compare) => {
            change({ compare });
          }}
        />
        {instrument !== undefined && <QualityBadge symbol={instrument.symbol} count={instrument.quarantined} />}
      </div>
    </section>
  );
}

function UnknownSymbol({ view, change }: PageProps) {
  const { m } = useTranslation();
  const some = useSomeInstruments(true);
  const items = some.data?.items ?? [];
  if (some.isSuccess && items.length === 0) {
    return (
      <div className="overlay">
        <Message icon="empty" title={m.notFound.nothingTitle} detail={m.notFound.nothingDetail} role="status">
          <code className="command">stock-analysis import-sample</code>
        </Message>
      </div>
    );
  }
  return (
    <div className="overlay">
      <Message icon="search" title={m.notFound.title(view.symbol)} detail={m.notFound.detail} role="status">
        {items.map((item) => (
          <button
            key={item.symbol}
            type="button"
            className="button outlined"
            title={item.name}
            onClick={() => {
              change({ symbol: item.symbol });
            }}
          >
            {item.symbol}
          </button>
        ))}
      </Message>
    </div>
  );
}

/** The close of the newest day, or the last price while it is live; that of a replay is none of today. */
function useDocumentTitle(symbol: string, instrument: InstrumentDetail | undefined, live: LiveState): void {
  const { lang, m } = useTranslation();
  const now = live.standing.kind === 'live' ? (live.bars?.c.at(-1) ?? null) : null;
  const last = now ?? instrument?.last_close ?? null;
  const before = now === null ? (instrument?.previous_close ?? null) : null;
  const change = changeOf(before, last);
  const quote =
    instrument === undefined || last === null
      ? ''
      : ` ${formatPrice(lang, priceStyle(instrument.currency, [before, last]), last)} ${change === null ? '' : formatChange(lang, change)}`;
  useEffect(() => {
    document.title = `${symbol}${quote} · ${m.appName}`;
  }, [symbol, quote, m.appName]);
}
