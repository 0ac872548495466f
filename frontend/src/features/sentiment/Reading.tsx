import type { Sentiment } from '@/api/types';
import { useTranslation } from '@/i18n';
import { epochSeconds } from '@/lib/brand';
import { formatBarTime, formatDecimal, formatInteger } from '@/lib/format';
import { toneOf } from './band';

/** One bucket in words: when, how it leans, what the posts leave open, how many there are. */
export function Reading({ sentiment, index }: { sentiment: Sentiment; index: number }) {
  const { lang, m } = useTranslation();
  const [score, low, high] = [sentiment.score[index] ?? 0, sentiment.low[index] ?? -1, sentiment.high[index] ?? 1];
  const tone = toneOf(low, high);
  const signed = (value: number) => `${value > 0 ? '+' : ''}${formatDecimal(lang, value, 2)}`;
  const time = formatBarTime(lang, epochSeconds(sentiment.t[index] ?? 0), sentiment.interval === '1h', 'UTC');
  return (
    <p className="sentiment-reading">
      <span className="sentiment-time">{time}</span>
      <strong className={tone}>{signed(score)}</strong>
      <span className="wide-only">{m.sentiment.tones[tone]}</span>
      <span className="sentiment-range" title={m.sentiment.rangeDetail}>
        {m.sentiment.range(signed(low), signed(high))}
      </span>
      <span className="wide-only">
        {m.sentiment.voices(formatInteger(lang, sentiment.posts[index] ?? 0), formatInteger(lang, sentiment.voices[index] ?? 0))}
      </span>
      {sentiment.state[index] === 'provisional' && (
        <span className="tag wide-only" title={m.sentiment.provisionalDetail}>
          {m.sentiment.provisional}
        </span>
      )}
    </p>
  );
}
