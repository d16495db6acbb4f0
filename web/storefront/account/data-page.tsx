import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api } from '../../api/client.ts';
import { forgetLogin, useUser } from '../../api/login.ts';
import { Button } from '../../kit/button.tsx';
import { Dialog } from '../../kit/dialog.tsx';
import { TextField } from '../../kit/field.tsx';
import { ProblemPanel } from '../../kit/problem-panel.tsx';

/** Everything the shop has about a person, to take away and to erase. */
export const DataPage = () => {
  const [isErasing, setErasing] = useState(false);
  const exporting = useMutation({
    mutationFn: async () => {
      const { data } = await api.GET('/api/users/me/export');
      const url = URL.createObjectURL(
        new Blob([JSON.stringify(data, null, 2)], { type: 'application/json' }),
      );
      const link = document.createElement('a');
      link.href = url;
      link.download = `cartstream-${new Date().toISOString().slice(0, 10)}.json`;
      link.click();
      URL.revokeObjectURL(url);
    },
  });
  return (
    <div className="flex flex-col gap-6">
      <section className="flex flex-col items-start gap-3 rounded-2xl border border-line bg-surface p-6">
        <h2 className="font-display text-xl">Take it with you</h2>
        <p>Account, addresses, orders, payments and messages as one JSON file.</p>
        <Button look="secondary" isBusy={exporting.isPending} onClick={() => exporting.mutate()}>
          Download my data
        </Button>
        {exporting.isError && <ProblemPanel error={exporting.error} isSmall />}
      </section>
      <section className="flex flex-col items-start gap-3 rounded-2xl border border-line bg-surface p-6">
        <h2 className="font-display text-xl">Erase the account</h2>
        <p>
          Name, addresses and sessions are deleted at once. What was ordered and paid stays in the books
          without a name. Nobody can undo this.
        </p>
        <Button look="danger" onClick={() => setErasing(true)}>
          Erase my account
        </Button>
      </section>
      {isErasing && <EraseDialog onClose={() => setErasing(false)} />}
    </div>
  );
};

const EraseDialog = ({ onClose }: { onClose(): void }) => {
  const user = useUser();
  const [typed, setTyped] = useState('');
  const navigate = useNavigate();
  const erasing = useMutation({
    mutationFn: () => api.DELETE('/api/users/me'),
    onSuccess: async () => {
      await navigate({ to: '/' });
      forgetLogin();
    },
  });
  return (
    <Dialog isOpen onClose={onClose} title="Erase the account">
      <form
        className="flex flex-col gap-5"
        onSubmit={(event) => {
          event.preventDefault();
          if (!erasing.isPending) erasing.mutate();
        }}
      >
        <p>To be sure, type your e-mail address: {user?.email}</p>
        <TextField label="E-mail" required value={typed} onChange={({ target }) => setTyped(target.value)} />
        {erasing.isError && <ProblemPanel error={erasing.error} isSmall />}
        <Button
          type="submit"
          look="danger"
          size="large"
          disabled={typed.trim() !== user?.email}
          isBusy={erasing.isPending}
        >
          Erase it for ever
        </Button>
      </form>
    </Dialog>
  );
};
