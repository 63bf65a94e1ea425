/** The pod of the crash tests: its one container tells each start in the file `witness`. */
export function crashPod(lock) {
  return {
    uid: 'crash',
    namespace: 'default',
    name: 'crash-0',
    hostname: 'crash-0',
    hostNetwork: false,
    ports: [],
    dns: { nameservers: [], searches: [], options: [] },
    hostAliases: [],
    sysctls: {},
    locks: [{ id: lock, description: 'claim default/data-crash-0' }],
  };
}

export function crashContainer(witness, attempt = 0) {
  return {
    name: 'main',
    kind: 'main',
    attempt,
    image: 'busybox',
    command: ['sh', '-c', 'echo "$ATTEMPT" >>/witness/starts; exec sleep 100000'],
    args: [],
    env: { ATTEMPT: String(attempt), WITNESS: witness },
    mounts: [{ hostPath: witness, mountPath: '/witness', readOnly: false }],
    stdin: false,
    tty: false,
    securityContext: {},
    limits: { memoryBytes: 64 * 2 ** 20 },
    terminationMessagePath: '',
  };
}
