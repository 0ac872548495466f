import { Component, type ReactNode } from 'react';
import { useTranslation } from '@/i18n';
import { Message } from './States';

interface State {
  error: Error | null;
}

/** Shows what broke instead of a blank page; a part of the program that did not load comes back with a reload. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: unknown): State {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override render(): ReactNode {
    const { error } = this.state;
    return error === null ? this.props.children : <Broken error={error} />;
  }
}

function Broken({ error }: { error: Error }) {
  const { m } = useTranslation();
  return (
    <Message icon="warning" title={m.failure.page} detail={error.message} role="alert" tone="bad">
      <button
        type="button"
        className="button primary"
        onClick={() => {
          location.reload();
        }}
      >
        {m.failure.reload}
      </button>
    </Message>
  );
}
