import type { SentimentInterval, SentimentPost } from '@/api/types';
import { term, useTranslation } from '@/i18n';
import { epochSeconds } from '@/lib/brand';
import { formatBarTime, formatDecimal, formatInteger, formatRatio } from '@/lib/format';
import { Dialog } from '@/ui/Dialog';
import { Failure, Loading, Message } from '@/ui/States';
import { usePosts } from './api';
import { linkOf } from './band';

interface PostsDrawerProps {
  symbol: string;
  interval: SentimentInterval;
  /** Of the bucket, epoch seconds. */
  start: number;
  onClose: () => void;
}

/** The posts of a bucket, those that count most first, and why each counts as it does. */
export function PostsDrawer({ symbol, interval, start, onClose }: PostsDrawerProps) {
  const { lang, m } = useTranslation();
  const time = formatBarTime(lang, epochSeconds(start), interval === '1h', 'UTC');
  return (
    <Dialog title={m.sentiment.drawer(symbol, time)} shape="drawer" onClose={onClose}>
      <Posts symbol={symbol} interval={interval} start={start} />
    </Dialog>
  );
}

function Posts({ symbol, interval, start }: Omit<PostsDrawerProps, 'onClose'>) {
  const { lang, m } = useTranslation();
  const posts = usePosts(symbol, interval, start);
  if (posts.isPending) return <Loading label={m.sentiment.loadingPosts} />;
  if (posts.isError) return <Failure error={posts.error} onRetry={() => void posts.refetch()} />;
  const { items, total, sample } = posts.data;
  if (items.length === 0) return <Message icon="empty" title={m.sentiment.noPosts} detail={m.sentiment.noPostsDetail} heading="h3" />;
  return (
    <div className="drawer-body">
      <p className="explain">{sample ? m.sentiment.sampleDetail : m.sentiment.explain}</p>
      <ul className="posts" aria-label={m.sentiment.posts}>
        {items.map((item) => (
          <Post key={item.id} post={item} />
        ))}
      </ul>
      <p className="fine-print">{m.quality.shown(formatInteger(lang, items.length), formatInteger(lang, total))}</p>
    </div>
  );
}

function Post({ post }: { post: SentimentPost }) {
  const { lang, m } = useTranslation();
  const link = linkOf(post.url);
  return (
    <li className="post">
      <div className="post-head">
        <span className={`tag ${post.label}`}>{term(lang, 'sentimentLabel', post.label)}</span>
        <span className="fine-print">
          {term(lang, 'postSource', post.source)} · {formatBarTime(lang, epochSeconds(Date.parse(post.posted_at) / 1000), true, 'UTC')} UTC
        </span>
      </div>
      {post.text === null ? <p className="explain">{m.sentiment.textGone}</p> : <p className="post-text" dir="auto">{post.text}</p>}
      <ul className="post-why">
        {reasonsOf(post, m, lang).map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
      {link !== null && (
        <a className="link" href={link} target="_blank" rel="noopener noreferrer nofollow">
          {m.sentiment.atSource}
        </a>
      )}
    </li>
  );
}

function reasonsOf(post: SentimentPost, m: ReturnType<typeof useTranslation>['m'], lang: ReturnType<typeof useTranslation>['lang']): string[] {
  const found = [m.sentiment.namedBy(term(lang, 'mentionKind', post.kind), post.mention ?? '')];
  if (post.judged) {
    found.push(m.sentiment.chances(formatRatio(lang, post.positive), formatRatio(lang, post.neutral), formatRatio(lang, post.negative)));
  } else {
    found.push(m.sentiment.notJudged(post.language));
  }
  if (post.copies > 1) found.push(m.sentiment.copies(formatInteger(lang, post.copies)));
  if (post.author_posts > 1) found.push(m.sentiment.authorPosts(formatInteger(lang, post.author_posts)));
  found.push(m.sentiment.weight(formatDecimal(lang, post.weight, 2)));
  return found;
}
