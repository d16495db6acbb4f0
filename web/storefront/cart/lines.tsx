import { Link } from '@tanstack/react-router';
import { AlertIcon, TrashIcon } from '../../kit/icons.tsx';
import { showToast } from '../../kit/toast.tsx';
import { formatMoney, times } from '../../money/money.ts';
import { Price } from '../../money/price.tsx';
import { OrderedCover, useKnownProducts } from '../catalogue/ordered-cover.tsx';
import { type Cart, type CartLine, isBlocking, piecesOfProductMax, warningWords } from './cart.ts';
import { QuantityField } from './quantity-field.tsx';
import { useSetQuantity } from './use-cart.ts';

/** The lines of the cart, in the drawer and on its page. A line that cannot be bought stays, explained. */
export const CartLines = ({ cart, onOpen }: { cart: Cart; onOpen?: () => void }) => {
  const known = useKnownProducts(cart.items.map(({ productId }) => productId));
  return (
    <ul className="divide-y divide-line">
      {cart.items.map((line) => (
        <Line
          key={line.productId}
          line={line}
          known={known}
          warnings={cart.warnings.filter(({ productId }) => productId === line.productId)}
          {...(onOpen ? { onOpen } : {})}
        />
      ))}
    </ul>
  );
};

const Line = ({
  line,
  known,
  warnings,
  onOpen,
}: {
  line: CartLine;
  known: ReturnType<typeof useKnownProducts>;
  warnings: Cart['warnings'];
  onOpen?: () => void;
}) => {
  const set = useSetQuantity();
  const remove = () => {
    set(line, 0);
    showToast(`${line.name} is out of your cart.`, { label: 'Undo', run: () => set(line, line.quantity) });
  };
  const most = Math.min(piecesOfProductMax, Math.max(1, line.available ?? piecesOfProductMax));
  return (
    <li className="flex gap-4 py-4">
      <OrderedCover {...{ known, line }} className="w-16 shrink-0 self-start rounded-lg sm:w-20" />
      <div className="flex min-w-0 flex-1 flex-col gap-2">
        <div className="flex items-start justify-between gap-3">
          <Link
            to="/products/$productId"
            params={{ productId: line.productId }}
            {...(onOpen ? { onClick: onOpen } : {})}
            className="leading-snug underline-offset-4 hover:underline"
          >
            {line.name}
          </Link>
          <Price money={times(line.unitPrice, line.quantity)} className="font-semibold" />
        </div>
        <div className="flex flex-wrap items-center gap-2">
          <QuantityField
            label={`Quantity of ${line.name}`}
            value={line.quantity}
            max={Math.max(most, line.quantity)}
            onChange={(quantity) => set(line, quantity)}
          />
          <button
            type="button"
            aria-label={`Remove ${line.name}`}
            onClick={remove}
            className="grid size-11 place-items-center rounded-lg text-ink-soft hover:bg-sunken hover:text-ink"
          >
            <TrashIcon />
          </button>
          {line.quantity > 1 && (
            <span className="text-ink-soft text-sm">
              <Price money={line.unitPrice} /> each
            </span>
          )}
        </div>
        {warnings.map((warning) => (
          <p
            key={warning.code}
            className={`flex items-start gap-1.5 text-sm ${isBlocking(warning) ? 'text-bad' : 'text-warn'}`}
          >
            <AlertIcon size={16} className="mt-0.5 shrink-0" />
            {warningWords(warning, formatMoney)}
          </p>
        ))}
      </div>
    </li>
  );
};
