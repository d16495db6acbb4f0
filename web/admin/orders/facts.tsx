import type { ReactNode } from 'react';
import type { components } from '../../api/schema.d.ts';
import { When } from '../../kit/when.tsx';
import { times } from '../../money/money.ts';
import { Price } from '../../money/price.tsx';
import { type Answered, isKnown, type Order, type Payment, type PaymentHistory } from './order-answers.ts';

/** What was ordered, how the money moved at the provider, and what the buyer was sent. */
export const Facts = ({
  order,
  payment,
  history,
  messages,
}: {
  order: Order;
  payment: Answered<Payment>;
  history: Answered<PaymentHistory>;
  /** Null where they are further back than is looked. */
  messages: Answered<readonly components['schemas']['Notification'][]>;
}) => (
  <div className="grid grid-cols-[minmax(0,1fr)] gap-6 lg:grid-cols-3">
    <Box title="Goods">
      <ul className="flex flex-col gap-2">
        {order.items.map(({ productId, name, quantity, returned, unitPrice }) => (
          <li key={productId} className="flex justify-between gap-3">
            <span>
              <span className="tabular text-ink-soft">{quantity} × </span>
              <a href={`/products/${productId}`} className="hover:underline">
                {name}
              </a>
              {returned > 0 && (
                <span className="block text-warn text-xs">
                  {order.status === 'confirmed' && `send ${quantity - returned}, `}
                  {returned} returned
                </span>
              )}
            </span>
            <Price money={times(unitPrice, quantity)} />
          </li>
        ))}
      </ul>
      <address className="mt-3 border-line border-t pt-3 text-ink-soft not-italic">
        {order.shippingAddress.name}, {order.shippingAddress.line1}, {order.shippingAddress.postalCode}{' '}
        {order.shippingAddress.city}, {order.shippingAddress.country}
        {order.shipment && (
          <span className="block text-ink">
            {order.shipment.carrier ?? 'sent'} {order.shipment.trackingNumber}
          </span>
        )}
      </address>
    </Box>
    <Box title={`Payment · ${statusOf(payment, order).replaceAll('_', ' ')}`}>
      {history === 'unanswered' ? (
        <p className="text-ink-soft">Payments do not answer.</p>
      ) : history === undefined ? (
        <p className="text-ink-soft">Loading…</p>
      ) : history === null || history.items.length === 0 ? (
        <p className="text-ink-soft">The provider was not asked for anything.</p>
      ) : (
        <ol className="flex flex-col gap-2">
          {history.items.map(({ kind, amount, attempts, answer, lastError, askedAt, refundId, reason }) => (
            <li key={`${kind}${refundId ?? ''}${askedAt}`} className="grid grid-cols-[1fr_auto] gap-x-3">
              <span>
                {kind.replaceAll('_', ' ')}:{' '}
                {answer?.replaceAll('_', ' ') ?? <span className="text-warn">no answer yet</span>}
                {attempts > 1 && <span className="text-warn"> after {attempts} attempts</span>}
                {(reason ?? lastError) && (
                  <span className="block text-ink-soft text-xs">
                    {reason ?? lastError?.replace(/^\w*Error: /, '')}
                  </span>
                )}
              </span>
              <span className="text-right">
                <Price money={amount} />
                <span className="block text-ink-soft text-xs">
                  <When time={askedAt} />
                </span>
              </span>
            </li>
          ))}
        </ol>
      )}
    </Box>
    <Box title="Messages to the buyer">
      {messages === 'unanswered' ? (
        <p className="text-ink-soft">The history of messages does not answer.</p>
      ) : messages === null ? (
        <p className="text-ink-soft">Further back in the history than is looked for here.</p>
      ) : messages === undefined ? (
        <p className="text-ink-soft">Loading…</p>
      ) : messages.length === 0 ? (
        <p className="text-ink-soft">None yet.</p>
      ) : (
        <ul className="flex flex-col gap-2">
          {messages.map(({ id, template, status, channels, occurredAt }) => (
            <li key={id} className="flex justify-between gap-3">
              <span>
                {template.replaceAll('_', ' ')}
                <span className="block text-ink-soft text-xs">
                  {channels.map(({ channel, status: each }) => `${channel} ${each}`).join(', ') || status}
                </span>
              </span>
              <span className="text-ink-soft text-xs">
                <When time={occurredAt} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </Box>
  </div>
);

/** The order knows the status as well, a moment later. */
const statusOf = (payment: Answered<Payment>, order: Order): string =>
  isKnown(payment) ? payment.status : order.payment.status;

const Box = ({ title, children }: { title: string; children: ReactNode }) => (
  <section aria-label={title} className="rounded-xl border border-line bg-surface p-4 text-sm">
    <h2 className="mb-3 font-semibold text-base">{title}</h2>
    {children}
  </section>
);
