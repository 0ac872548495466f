import { useState } from 'react';
import { useTranslation } from '@/i18n';
import { Icon } from '@/ui/Icon';

/** A command line, and a button that copies it. */
export function Command({ line }: { line: string }) {
  const { m } = useTranslation();
  const [copied, setCopied] = useState<{ line: string; done: boolean } | null>(null);
  const result = copied?.line === line ? copied.done : null;

  async function copy() {
    setCopied({ line, done: await wrote(line) });
  }

  return (
    <div className="command-line">
      <code className="command">{line}</code>
      <button type="button" className="button outlined" onClick={() => void copy()}>
        <Icon name={result === true ? 'check' : 'copy'} />
        {result === true ? m.backups.copied : m.backups.copy}
      </button>
      <span role="status" className={result === false ? 'fine-print' : 'visually-hidden'}>
        {result === null ? '' : result ? m.backups.copied : m.backups.notCopied}
      </span>
    </div>
  );
}

/** A browser gives pages its clipboard only where they are local or encrypted. */
async function wrote(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
