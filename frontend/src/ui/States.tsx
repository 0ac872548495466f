import type { ReactNode } from 'react';
import { ApiError } from '@/api/client';
import { useTranslation } from '@/i18n';
import { Icon, type IconName } from './Icon';
import { KeyForm } from './KeyForm';

interface MessageProps {
  icon: IconName;
  title: string;
  detail?: ReactNode;
  heading?: 'h1' | 'h2' | 'h3';
  role?: 'alert' | 'status';
  tone?: 'plain' | 'bad' | 'good';
  children?: ReactNode;
}

export function Message({ icon, title, detail, heading: Heading = 'h2', role, tone = 'plain', children }: MessageProps) {
  return (
    <div className={`message ${tone}`} role={role}>
      <span className="message-icon">
        <Icon name={icon} />
      </span>
      <Heading className="message-title">{title}</Heading>
      {detail !== undefined && <div className="message-detail">{detail}</div>}
      {children !== undefined && <div className="message-actions">{children}</div>}
    </div>
  );
}

/** Says why a request failed in the server's own words, with the id to look for in its log. */
export function Failure({ error, onRetry, children }: { error: Error; onRetry: () => void; children?: ReactNode }) {
  const { m } = useTranslation();
  return (
    <Message
      icon={error instanceof ApiError && error.isUnreachable ? 'offline' : 'warning'}
      title={m.failure.title}
      detail={<FailureDetail error={error} />}
      role="alert"
      tone="bad"
    >
      {error instanceof ApiError && error.needsKey ? (
        <KeyForm />
      ) : (
        <button type="button" className="button primary" onClick={onRetry}>
          {m.actions.retry}
        </button>
      )}
      {children}
    </Message>
  );
}

export function FailureDetail({ error }: { error: Error }) {
  const { m } = useTranslation();
  if (!(error instanceof ApiError)) return <p>{error.message}</p>;
  if (error.isUnreachable) return <p>{m.failure.unreachable}</p>;
  return (
    <>
      <p>{error.detail ?? m.failure.unknown}</p>
      <p className="fine-print">
        {[error.message, m.failure.status(error.status)].filter((part) => part !== '').join(' · ')}
        {error.requestId !== null && (
          <>
            {' · '}
            {m.failure.requestId} <code>{error.requestId}</code>
          </>
        )}
      </p>
    </>
  );
}

export function Loading({ label }: { label?: string }) {
  const { m } = useTranslation();
  return (
    <div className="loading" role="status">
      <span className="spinner" aria-hidden="true" />
      <span>{label ?? m.chart.loading}</span>
    </div>
  );
}
