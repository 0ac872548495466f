import { useQueryClient, type QueryClient, type QueryKey } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from '@/i18n';
import { Unanswered } from './unanswered';

/** Says that the server does not answer while a request hangs, and sends what hangs anew on demand. */
export function SlowNotice() {
  const { m } = useTranslation();
  const client = useQueryClient();
  const [slow, setSlow] = useState(false);
  const [unanswered] = useState(() => new Unanswered(client.getQueryCache(), setSlow));
  useEffect(() => unanswered.watch(), [unanswered]);
  if (!slow) return null;
  return (
    <p className="slow" role="alert">
      {m.failure.slow}{' '}
      <button
        type="button"
        className="link"
        onClick={() => {
          for (const { queryKey } of unanswered.release()) void sendAnew(client, queryKey);
        }}
      >
        {m.actions.retry}
      </button>
    </p>
  );
}

/** A request that has no data yet is not sent anew while it is under way: it is given up first. */
async function sendAnew(client: QueryClient, queryKey: QueryKey): Promise<void> {
  await client.cancelQueries({ queryKey, exact: true });
  await client.refetchQueries({ queryKey, exact: true });
}
