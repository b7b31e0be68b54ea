import { readFile, readdir, readlink } from 'node:fs/promises'

/** The running guests of this process. */
export async function guests(): Promise<{ pid: number; status: string; stat: string[] }[]> {
  const found = []
  for (const pid of (await readdir('/proc')).filter(name => /^\d+$/.test(name))) {
    const [line, status, stat] = await Promise.all(
      ['cmdline', 'status', 'stat'].map(name => readFile(`/proc/${pid}/${name}`, 'latin1').catch(() => ''))
    )
    const isGuest = line!.startsWith(`${process.execPath}\0`) && /\/guest\/main\.js\0(\d+\0)*$/.test(line!)
    if (isGuest && (await descends(Number(pid)))) {
      found.push({
        pid: Number(pid),
        status: status!,
        stat: stat!.slice(stat!.lastIndexOf(')') + 2).split(' ')
      })
    }
  }
  return found
}

async function descends(pid: number): Promise<boolean> {
  while (pid > 1 && pid !== process.pid) {
    const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '')
    pid = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0)
  }
  return pid === process.pid
}

/** The namespaces that a process does not share with this one, of those that bubblewrap makes. */
export async function ownNamespaces(pid: number): Promise<string[]> {
  const own = []
  for (const kind of ['net', 'pid', 'mnt', 'ipc', 'user']) {
    const [theirs, ours] = await Promise.all(
      [pid, process.pid].map(one => readlink(`/proc/${one}/ns/${kind}`))
    )
    if (theirs !== ours) own.push(kind)
  }
  return own
}
