import { useState } from 'react';
import { ApiError } from '@/api/client';
import type { Interval, Sentiment, SentimentInterval } from '@/api/types';
import { isIntraday } from '@/domain/intervals';
import { useTranslation } from '@/i18n';
import { readStored, writeStored } from '@/lib/storage';
import { Icon } from '@/ui/Icon';
import { useSentiment } from './api';
import { Plot } from './Plot';
import { PostsDrawer } from './PostsDrawer';
import { Reading } from './Reading';

export { SourcesPanel } from './Sources';

const KEY = 'sentiment';
/** There it does not take the prices their room. */
const ROOMY = '(min-width: 900px) and (min-height: 860px)';

interface SentimentPaneProps {
  symbol: string;
  interval: Interval;
  /** Whether the stock is there. */
  known: boolean;
}

/** What people write about the stock, under its chart: a strip, or a pane with the interval as a band. */
export function SentimentPane({ symbol, interval, known }: SentimentPaneProps) {
  const { m } = useTranslation();
  const step: SentimentInterval = isIntraday(interval) ? '1h' : '1d';
  const [open, setOpen] = useState(() => (readStored(KEY) ?? (matchMedia(ROOMY).matches ? 'open' : 'closed')) === 'open');
  const sentiment = useSentiment(symbol, step, known);
  if (!known || (sentiment.error instanceof ApiError && sentiment.error.isNotFound)) return null;
  const toggle = () => {
    writeStored(KEY, open ? 'closed' : 'open');
    setOpen(!open);
  };
  return (
    <section className={`sentiment ${open ? 'open' : ''}`} aria-label={m.sentiment.title}>
      {sentiment.data === undefined ? (
        <div className="sentiment-head">
          <h2>{m.sentiment.title}</h2>
          {sentiment.isError ? (
            <p className="sentiment-note" role="alert">
              {m.sentiment.failed}{' '}
              <button type="button" className="link" onClick={() => void sentiment.refetch()}>
                {m.actions.retry}
              </button>
            </p>
          ) : (
            <p className="sentiment-note" role="status">
              {m.sentiment.loading}
            </p>
          )}
        </div>
      ) : (
        <Buckets key={`${symbol}|${step}`} sentiment={sentiment.data} outdated={sentiment.isError} open={open} onToggle={toggle} />
      )}
    </section>
  );
}

interface BucketsProps {
  sentiment: Sentiment;
  /** The last attempt to read it anew failed. */
  outdated: boolean;
  open: boolean;
  onToggle: () => void;
}

function Buckets({ sentiment, outdated, open, onToggle }: BucketsProps) {
  const { m } = useTranslation();
  const [pointed, setPointed] = useState<number | null>(null);
  const [shown, setShown] = useState<number | null>(null);
  const last = sentiment.t.length - 1;
  if (last < 0) {
    return (
      <div className="sentiment-head">
        <h2>{m.sentiment.title}</h2>
        <p className="sentiment-note">
          {m.sentiment.empty(sentiment.symbol)} <code>stock-analysis sentiment sources</code>
        </p>
      </div>
    );
  }
  const index = Math.min(pointed ?? last, last);
  const start = shown === null ? undefined : sentiment.t[shown];
  return (
    <>
      <div className="sentiment-head">
        <h2>{m.sentiment.title}</h2>
        <Reading sentiment={sentiment} index={index} />
        <div className="sentiment-tools">
          {outdated && <span className="tag warn">{m.sentiment.outdated}</span>}
          {sentiment.sample && (
            <span className="tag" title={m.sentiment.sampleDetail}>
              {m.sentiment.sample}
            </span>
          )}
          <button
            type="button"
            className="button"
            onClick={() => {
              setShown(index);
            }}
          >
            {m.sentiment.posts}
          </button>
          <button
            type="button"
            className="button"
            aria-expanded={open}
            aria-label={open ? m.sentiment.close : m.sentiment.open}
            title={open ? m.sentiment.close : m.sentiment.open}
            onClick={onToggle}
          >
            <Icon name={open ? 'expand' : 'up'} />
          </button>
        </div>
      </div>
      {open && <Plot sentiment={sentiment} index={index} onPoint={setPointed} onOpen={setShown} />}
      {start !== undefined && (
        <PostsDrawer
          symbol={sentiment.symbol}
          interval={sentiment.interval}
          start={start}
          onClose={() => {
            setShown(null);
          }}
        />
      )}
    </>
  );
}
