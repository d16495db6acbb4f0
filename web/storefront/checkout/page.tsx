import { useMutation } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useUser } from '../../api/login.ts';
import { note } from '../../api/shopper-activity.ts';
import { buttonClasses } from '../../kit/button.tsx';
import { Empty } from '../../kit/empty.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';
import { Skeleton } from '../../kit/skeleton.tsx';
import { type Cart, isBlocking } from '../cart/cart.ts';
import { useCart, useCartCache } from '../cart/use-cart.ts';
import { Page } from '../shell/page.tsx';
import {
  addressOf,
  type Draft,
  type Errors,
  emptyDraft,
  errorsOf,
  type Step,
  stepFor,
  steps,
} from './draft.ts';
import { AddressStep, ContactStep, PaymentStep, StepBox } from './steps.tsx';
import { placeOrder } from './submission.ts';
import { OrderSummary } from './summary.tsx';

const storageKey = 'cartstream.checkout';

/** What was typed outlives a reload and a look at the cart. */
const useDraft = (email: string | undefined): [Draft, (part: Partial<Draft>) => void] => {
  const [draft, setDraft] = useState<Draft>(() => {
    try {
      const stored = JSON.parse(sessionStorage.getItem(storageKey) ?? '{}') as Partial<Draft>;
      return { ...emptyDraft, ...stored, ...(email === undefined ? {} : { email }) };
    } catch {
      return { ...emptyDraft, email: email ?? '' };
    }
  });
  const change = (part: Partial<Draft>) =>
    setDraft((before) => {
      const next = { ...before, ...part };
      sessionStorage.setItem(storageKey, JSON.stringify(next));
      return next;
    });
  return [draft, change];
};

export const CheckoutPage = () => {
  const { cart, isError, error, refetch } = useCart();
  if (cart === undefined)
    return (
      <Page title="Checkout">
        {isError ? (
          <ProblemPanel error={error} onRetry={() => void refetch()} />
        ) : (
          <Skeleton className="h-96" />
        )}
      </Page>
    );
  if (cart.items.length === 0)
    return (
      <Page title="Checkout">
        <Empty
          title="There is nothing to pay"
          act={
            <Link to="/" className={buttonClasses()}>
              To the shop
            </Link>
          }
        >
          Your cart is empty.
        </Empty>
      </Page>
    );
  return <Checkout cart={cart} />;
};

const Checkout = ({ cart }: { cart: Cart }) => {
  const user = useUser();
  const [draft, change] = useDraft(user?.email);
  const { step: asked } = useSearch({ strict: false }) as { step?: string };
  const step = stepFor(asked ?? (user ? 'address' : 'contact'), draft);
  const [errors, setErrors] = useState<Errors>({});
  const form = useRef<HTMLFormElement>(null);
  const navigate = useNavigate();
  const { emptyCart, refreshCart } = useCartCache();

  useEffect(() => note({ type: 'checkout_started' }), []);
  const go = (to: Step) => {
    setErrors({});
    void navigate({ to: '/checkout', search: { step: to } as never, resetScroll: false });
  };
  const paying = useMutation({
    mutationFn: () =>
      placeOrder({
        items: cart.items.map(({ productId, quantity }) => ({ productId, quantity })),
        shippingAddress: addressOf(draft),
        payment: { method: draft.method, token: draft.token },
        ...(user ? {} : { email: draft.email.trim() }),
      }),
    onSuccess: (orderId) => {
      emptyCart();
      void navigate({ to: '/orders/$orderId', params: { orderId }, replace: true });
    },
    onError: () => void refreshCart(),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = errorsOf(step, draft);
    setErrors(found);
    const [first] = Object.keys(found);
    if (first !== undefined) {
      form.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus();
      return;
    }
    const next = steps[steps.indexOf(step) + 1];
    if (next !== undefined) go(next);
    else if (!paying.isPending) paying.mutate();
  };
  /** Checked when a field is left, so that nobody is corrected while typing. */
  const check = (field: keyof Draft) => {
    const message = errorsOf(step, draft)[field];
    const isEmpty = draft[field].trim() === '';
    if (message === undefined || !isEmpty) setErrors((before) => ({ ...before, [field]: message }) as Errors);
  };

  const isBlocked = cart.warnings.some(isBlocking);
  const given = { draft, errors, onChange: change, onLeave: check };
  return (
    <Page title="Checkout">
      <div className="grid gap-8 lg:grid-cols-[1fr_24rem] lg:gap-12">
        <form ref={form} noValidate onSubmit={submit} className="flex flex-col gap-4">
          <StepBox
            step="contact"
            current={step}
            title="Contact"
            fold={draft.email}
            onEdit={user ? undefined : go}
          >
            <ContactStep {...given} />
          </StepBox>
          <StepBox
            step="address"
            current={step}
            title="Delivery"
            fold={[draft.name, draft.line1, draft.city, draft.postalCode].filter(Boolean).join(', ')}
            onEdit={go}
          >
            <AddressStep {...given} />
          </StepBox>
          <StepBox step="payment" current={step} title="Payment" fold="" onEdit={go}>
            <PaymentStep {...given} total={cart.total} isBusy={paying.isPending} isBlocked={isBlocked} />
            {isBlocked && (
              <p className="text-bad text-sm">
                Something in the cart cannot be bought any more.{' '}
                <Link to="/cart" className="underline underline-offset-4">
                  Look at the cart
                </Link>
              </p>
            )}
            {paying.isError && <ProblemPanel error={paying.error} isSmall />}
          </StepBox>
        </form>
        <OrderSummary cart={cart} />
      </div>
    </Page>
  );
};
