import { useQuery } from '@tanstack/react-query';
import { get } from '@/api/client';

const REFRESH_MS = 5000;

export function useBackups() {
  return useQuery({
    queryKey: ['backups'],
    queryFn: ({ signal }) => get('/api/v1/operations/backups', {}, signal),
    refetchInterval: REFRESH_MS,
    staleTime: 0,
    retry: false,
  });
}
