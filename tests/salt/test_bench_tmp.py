import time, statistics, os, uuid, json, subprocess
from tests.salt.listener import Listener, order
def cpu(pids):
    t=0
    for p in pids:
        try:
            f=open(f'/proc/{p}/stat').read().rpartition(')')[2].split(); t+=int(f[11])+int(f[12])
        except OSError: pass
    return t/100
def tree(pid):
    out=subprocess.run(['ps','-eo','pid,ppid,args'],capture_output=True,text=True).stdout.splitlines()[1:]
    rows=[(int(l.split()[0]),int(l.split()[1]),l) for l in out]
    res=[pid]; 
    for _ in range(6):
        for p,pp,l in rows:
            if pp in res and p not in res: res.append(p)
    return res,[l for p,pp,l in rows if p in res]
def test_bench(cluster,nodes,salt_master):
    pids,names=tree(salt_master.processes['node1'].process.pid)
    print('\n'.join(n[:150] for n in names))
    mpids,_=tree(salt_master.processes['master'].process.pid)
    def measure(label,secs=10):
        pids,names=tree(salt_master.processes['node1'].process.pid)
        a=[cpu([p]) for p in pids]; m=cpu(mpids); q=cpu([cluster.daemons['mon.a'].process.pid]); time.sleep(secs); b=[cpu([p]) for p in pids]
        print(label,[round((y-x)/secs*100,1) for x,y in zip(a,b)],'%', 'master',(cpu(mpids)-m)/secs*100, 'mon', (cpu([cluster.daemons['mon.a'].process.pid])-q)/secs*100)
    measure('no lease')
    r=nodes.call('node1','ceph.watch',lease='L1',since={},seconds=60)
    print(r)
    time.sleep(2)
    print({e.map:e.version for e in nodes.events if hasattr(e,'map')})
    print([e for e in nodes.events if hasattr(e,'daemons')][-1])
    measure('lease')
    pids,names=tree(salt_master.processes['node1'].process.pid)
    print('\n'.join(n[:150] for n in names))
    import rados
def test_latency(cluster,nodes):
    nodes.call('node1','ceph.watch',lease='L2',since={},seconds=60)
    time.sleep(1)
    code='''
import rados,json,time,sys
r=rados.Rados(conffile=sys.argv[1],name="client.admin"); r.connect(timeout=3)
for i in range(20):
    rc,out,err=r.mon_command(json.dumps({"prefix":"osd reweight","id":0,"weight":0.5+i/100}),b"")
    t=time.time(); e=json.loads(r.mon_command('{"prefix":"osd stat","format":"json"}',b"")[1])["epoch"]
    print(e,t,flush=True); time.sleep(.3)
'''
    out=subprocess.run(['/usr/bin/python3','-c',code,str(cluster.conf)],capture_output=True,text=True).stdout
    time.sleep(.5)
    lat=[]
    for l in out.splitlines():
        e,t=l.split(); e=int(e); t=float(t)
        got=[x for x in nodes.events if hasattr(x,'map') and x.map=='osd_map' and x.version>=e]
        lat.append((got[0].received_at-t)*1e3)
    print('ms after ack',[round(x,1) for x in lat], statistics.median(lat))
    ts=[]
    for i in range(10):
        t=time.time(); r=nodes.run(str(uuid.uuid4()),{"prefix":"osd reweight","id":0,"weight":0.3+i/100}); x=time.time()
        ts.append((x-t, r['started_at']-t, r['finished_at']-r['started_at'], x-r['finished_at']))
        assert r['outcome']=='done',r
    print(ts)
    ts=[]
    for i in range(10):
        t=time.time(); nodes.remote.publish('node1','ceph.outcome',{'request_id':'zzz','step':i},nodes.remote.new_job_id()); ts.append(time.time()-t)
    print('publish',ts)
