import type { StreamState } from '../../api/live-stream.ts';
import { classes } from '../../kit/classes.ts';
import { CheckIcon } from '../../kit/icons.tsx';
import { isFinal, isOpen, type Order, stepName, stepsDone, way } from './order-words.ts';

/** The way of the order as steps, the next one waiting; it moves by itself. */
export const Progress = ({ order: { status, payment }, stream }: { order: Order; stream: StreamState }) => {
  const done = stepsDone(status);
  const next = way[done];
  return (
    <section aria-label="Progress" className="mb-6 rounded-2xl border border-line bg-surface p-6">
      <ol className="grid gap-y-3 sm:grid-cols-6">
        {way.map((step, place) => {
          const isDone = place < done;
          const isNext = place === done && !isFinal(status);
          return (
            <li
              key={step.status}
              aria-current={isNext ? 'step' : undefined}
              className="relative flex items-center gap-3 sm:flex-col sm:gap-2 sm:text-center"
            >
              {place > 0 && (
                <span
                  aria-hidden="true"
                  className={classes(
                    'absolute hidden h-0.5 sm:block',
                    'top-[1.05rem] right-[calc(50%+1.4rem)] left-[calc(-50%+1.4rem)]',
                    isDone ? 'bg-good' : 'bg-line',
                  )}
                />
              )}
              <span
                aria-hidden="true"
                className={classes(
                  'grid size-9 shrink-0 place-items-center rounded-full border-2 transition-colors duration-300',
                  isDone
                    ? 'border-good bg-good text-page'
                    : isNext
                      ? 'animate-pulse border-action text-action'
                      : 'border-line text-ink-soft',
                )}
              >
                {isDone ? <CheckIcon size={18} /> : <span className="size-2 rounded-full bg-current" />}
              </span>
              <span className={classes('text-sm leading-tight', isDone ? 'font-medium' : 'text-ink-soft')}>
                {stepName(step, payment.status)}
                <span className="sr-only">{isDone ? ', done' : isNext ? ', next' : ', to come'}</span>
              </span>
            </li>
          );
        })}
      </ol>
      {next && !isFinal(status) && (
        <p className="mt-5 text-ink-soft text-sm">
          {next.waiting}
          {isOpen(status) &&
            stream === 'waiting' &&
            ' The live view is reconnecting; the order goes on meanwhile.'}
        </p>
      )}
    </section>
  );
};
