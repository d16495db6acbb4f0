import { useState } from 'react';
import { faultOf } from '../words/words.ts';
import { Button } from './button.tsx';
import { classes } from './classes.ts';
import { AlertIcon, CopyIcon } from './icons.tsx';

/**
 * A region that failed, in its own box: what happened, another try where that may help, and the id by which support
 * finds the request. It stays until it is answered.
 */
export const ProblemPanel = ({
  error,
  onRetry,
  isSmall = false,
}: {
  error: unknown;
  onRetry?: () => void;
  isSmall?: boolean;
}) => {
  const { title, text, correlationId } = faultOf(error);
  return (
    <div
      role="alert"
      className={classes('rounded-xl border border-line bg-bad-wash text-ink', isSmall ? 'p-4' : 'p-6')}
    >
      <p className="flex items-center gap-2 font-semibold">
        <AlertIcon className="shrink-0 text-bad" />
        {title}
      </p>
      <p className="mt-1 text-[0.9375rem]">{text}</p>
      {(onRetry || correlationId) && (
        <div className="mt-3 flex flex-wrap items-center gap-3">
          {onRetry && (
            <Button look="secondary" onClick={onRetry}>
              Try again
            </Button>
          )}
          {correlationId && <CopyText text={correlationId} label="Reference" />}
        </div>
      )}
    </div>
  );
};

/** An id that one press copies. */
export const CopyText = ({ text, label }: { text: string; label: string }) => {
  const [isCopied, setCopied] = useState(false);
  return (
    <button
      type="button"
      onClick={() => navigator.clipboard?.writeText(text).then(() => setCopied(true))}
      className="inline-flex min-h-8 items-center gap-1.5 rounded-md px-1.5 text-ink-soft text-xs hover:bg-sunken"
    >
      <span>{isCopied ? 'Copied' : label}</span>
      <code className="font-mono">{text.length > 14 ? `…${text.slice(-12)}` : text}</code>
      <CopyIcon size={14} />
    </button>
  );
};
