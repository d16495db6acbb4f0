import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api } from '../../api/client.ts';
import { openStream, type StreamState } from '../../api/live-stream.ts';
import { orderTokenOf } from './order-tokens.ts';
import { isFinal, isOpen, type Order } from './order-words.ts';

export const orderKey = (orderId: string) => ['get', '/api/orders/{id}', orderId] as const;

/** The parameters of every request about the order: a guest proves himself by its token. */
export const orderParams = (orderId: string) => {
  const token = orderTokenOf(orderId);
  return { path: { id: orderId }, header: token === undefined ? {} : { 'x-order-token': token } };
};

const travelsPollMs = 15_000;
const openPollMs = 3_000;
/** The money is taken within moments of the confirmation. */
const takenPollMs = 1_000;

/**
 * The order, followed live: its stream pushes each status while it is open; should the stream be away, it is asked
 * every three seconds. A parcel that travels is looked at four times a minute.
 */
export const useOrder = (orderId: string) => {
  const client = useQueryClient();
  const [stream, setStream] = useState<StreamState>('connecting');
  const asked = useQuery({
    queryKey: orderKey(orderId),
    staleTime: 1000,
    queryFn: async ({ signal }) =>
      (await api.GET('/api/orders/{id}', { params: orderParams(orderId), signal })).data,
    refetchInterval: ({ state: { data } }) => {
      if (data === undefined || isFinal(data.status)) return false;
      if (!isOpen(data.status)) return data.payment.status === 'authorized' ? takenPollMs : travelsPollMs;
      return stream === 'open' ? false : openPollMs;
    },
  });
  const isFollowed = asked.data !== undefined && isOpen(asked.data.status);
  useEffect(() => {
    if (!isFollowed) return;
    const token = orderTokenOf(orderId);
    return openStream(`/api/orders/${orderId}/stream`, {
      ...(token === undefined ? {} : { headers: { 'x-order-token': token } }),
      onState: setStream,
      onEvent: ({ type, data }) => {
        if (type !== 'status') return;
        const news = data as Pick<Order, 'status' | 'reason'>;
        client.setQueryData<Order>(orderKey(orderId), (order) => order && { ...order, ...news });
        // The payment and the shipment have changed with it.
        void client.invalidateQueries({ queryKey: orderKey(orderId) });
      },
    });
  }, [orderId, isFollowed, client]);
  return { ...asked, stream };
};
