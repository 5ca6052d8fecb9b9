# Tries to reach anything from a namespace that has nothing but its own loopback.
import array, ctypes, fcntl, os, socket, struct

def report(name, denied, evidence=''):
    print(f'{name}=' + ('denied' if denied else f'REACHED {str(evidence)[:100]!r}'))

def probe(name, what):
    try:
        report(name, False, what())
    except (OSError, UnicodeError):
        report(name, True)

def holds(name, good, evidence):
    report(name, good, evidence)

def tcp(host, port, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(3)
        s.connect((host, port))
        return s.getpeername()

def udp(host, port, family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(3)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        return s.sendto(b'x', (host, port))

def tcp_works(host):
    try:
        tcp(host, 53)
        return True
    except OSError:
        return False

def route(kind, body):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.settimeout(3)
        s.send(struct.pack('=IHHII', 16 + len(body), kind, 0x605, 1, 0) + body)
        answer = s.recv(4096)
        code = struct.unpack_from('=i', answer, 16)[0]
        if code != 0:
            raise OSError(-code, '')
        return 'done'

def interface(request, flags):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return fcntl.ioctl(s, request, struct.pack('16sH22x', b'eth0', flags))

probe('TCP 127.0.0.1:22', lambda: tcp('127.0.0.1', 22))
probe('TCP 127.0.0.1:80', lambda: tcp('127.0.0.1', 80))
probe('TCP 127.0.0.1:443', lambda: tcp('127.0.0.1', 443))
probe('TCP 127.0.0.1:2375', lambda: tcp('127.0.0.1', 2375))
probe('TCP 127.0.0.1:2376', lambda: tcp('127.0.0.1', 2376))
probe('TCP 127.0.0.1:3128', lambda: tcp('127.0.0.1', 3128))
probe('TCP 127.0.0.1:5001', lambda: tcp('127.0.0.1', 5001))
probe('TCP 127.0.0.1:50051', lambda: tcp('127.0.0.1', 50051))
probe('TCP 127.0.0.1:6379', lambda: tcp('127.0.0.1', 6379))
probe('TCP 127.0.0.1:8080', lambda: tcp('127.0.0.1', 8080))
probe('TCP 127.0.0.53:53', lambda: tcp('127.0.0.53', 53))
probe('TCP 0.0.0.0:22', lambda: tcp('0.0.0.0', 22))
probe('TCP 10.0.0.1:22', lambda: tcp('10.0.0.1', 22))
probe('TCP 10.0.0.1:80', lambda: tcp('10.0.0.1', 80))
probe('TCP 10.0.2.2:22', lambda: tcp('10.0.2.2', 22))
probe('TCP 172.17.0.1:22', lambda: tcp('172.17.0.1', 22))
probe('TCP 172.17.0.1:2375', lambda: tcp('172.17.0.1', 2375))
probe('TCP 172.17.0.1:53', lambda: tcp('172.17.0.1', 53))
probe('TCP 172.18.0.1:22', lambda: tcp('172.18.0.1', 22))
probe('TCP 192.168.0.1:80', lambda: tcp('192.168.0.1', 80))
probe('TCP 192.168.1.1:80', lambda: tcp('192.168.1.1', 80))
probe('TCP 192.168.1.254:443', lambda: tcp('192.168.1.254', 443))
probe('TCP 192.168.65.1:53', lambda: tcp('192.168.65.1', 53))
probe('TCP 192.168.65.2:2375', lambda: tcp('192.168.65.2', 2375))
probe('TCP 169.254.169.254:80', lambda: tcp('169.254.169.254', 80))
probe('TCP 169.254.170.2:80', lambda: tcp('169.254.170.2', 80))
probe('TCP 169.254.1.1:80', lambda: tcp('169.254.1.1', 80))
probe('TCP 100.100.100.200:80', lambda: tcp('100.100.100.200', 80))
probe('TCP 100.64.0.1:443', lambda: tcp('100.64.0.1', 443))
probe('TCP 1.1.1.1:443', lambda: tcp('1.1.1.1', 443))
probe('TCP 8.8.8.8:443', lambda: tcp('8.8.8.8', 443))
probe('TCP 9.9.9.9:53', lambda: tcp('9.9.9.9', 53))
probe('TCP 93.184.216.34:80', lambda: tcp('93.184.216.34', 80))
probe('TCP 198.18.0.1:80', lambda: tcp('198.18.0.1', 80))
probe('TCP 224.0.0.1:80', lambda: tcp('224.0.0.1', 80))
probe('TCP 255.255.255.255:80', lambda: tcp('255.255.255.255', 80))
probe('TCP [::1]:22', lambda: tcp('::1', 22, socket.AF_INET6))
probe('TCP [::1]:2375', lambda: tcp('::1', 2375, socket.AF_INET6))
probe('TCP [::ffff:169.254.169.254]:80', lambda: tcp('::ffff:169.254.169.254', 80, socket.AF_INET6))
probe('TCP [::ffff:10.0.0.1]:80', lambda: tcp('::ffff:10.0.0.1', 80, socket.AF_INET6))
probe('TCP [fe80::1]:80', lambda: tcp('fe80::1', 80, socket.AF_INET6))
probe('TCP [fd00:ec2::254]:80', lambda: tcp('fd00:ec2::254', 80, socket.AF_INET6))
probe('TCP [fc00::1]:80', lambda: tcp('fc00::1', 80, socket.AF_INET6))
probe('TCP [2606:4700:4700::1111]:443', lambda: tcp('2606:4700:4700::1111', 443, socket.AF_INET6))
probe('TCP [2001:4860:4860::8888]:53', lambda: tcp('2001:4860:4860::8888', 53, socket.AF_INET6))
probe('TCP [64:ff9b::101:101]:443', lambda: tcp('64:ff9b::101:101', 443, socket.AF_INET6))
probe('TCP [ff02::1]:80', lambda: tcp('ff02::1', 80, socket.AF_INET6))
probe('TCP [2002:a00:1::]:80', lambda: tcp('2002:a00:1::', 80, socket.AF_INET6))
probe('UDP 10.0.0.1:53', lambda: udp('10.0.0.1', 53))
probe('UDP 172.17.0.1:53', lambda: udp('172.17.0.1', 53))
probe('UDP 192.168.0.1:53', lambda: udp('192.168.0.1', 53))
probe('UDP 192.168.65.1:53', lambda: udp('192.168.65.1', 53))
probe('UDP 169.254.169.254:53', lambda: udp('169.254.169.254', 53))
probe('UDP 1.1.1.1:53', lambda: udp('1.1.1.1', 53))
probe('UDP 8.8.8.8:53', lambda: udp('8.8.8.8', 53))
probe('UDP 9.9.9.9:53', lambda: udp('9.9.9.9', 53))
probe('UDP 239.255.255.250:1900', lambda: udp('239.255.255.250', 1900))
probe('UDP 224.0.0.251:5353', lambda: udp('224.0.0.251', 5353))
probe('UDP 255.255.255.255:67', lambda: udp('255.255.255.255', 67))
probe('UDP 100.100.100.100:53', lambda: udp('100.100.100.100', 53))
probe('UDP [2606:4700:4700::1111]:53', lambda: udp('2606:4700:4700::1111', 53, socket.AF_INET6))
probe('UDP [fe80::1]:5353', lambda: udp('fe80::1', 5353, socket.AF_INET6))
probe('UDP [ff02::fb]:5353', lambda: udp('ff02::fb', 5353, socket.AF_INET6))
probe('UDP [fd00:ec2::253]:53', lambda: udp('fd00:ec2::253', 53, socket.AF_INET6))
probe('resolve example.org', lambda: socket.getaddrinfo('example.org', 80))
probe('resolve localhost.localdomain', lambda: socket.getaddrinfo('localhost.localdomain', 80))
probe('resolve host.docker.internal', lambda: socket.getaddrinfo('host.docker.internal', 80))
probe('resolve gateway.docker.internal', lambda: socket.getaddrinfo('gateway.docker.internal', 80))
probe('resolve metadata.google.internal', lambda: socket.getaddrinfo('metadata.google.internal', 80))
probe('resolve kubernetes.default.svc', lambda: socket.getaddrinfo('kubernetes.default.svc', 80))
probe('resolve instance-data', lambda: socket.getaddrinfo('instance-data', 80))
probe('resolve pypi.org', lambda: socket.getaddrinfo('pypi.org', 80))
probe('resolve registry-1.docker.io', lambda: socket.getaddrinfo('registry-1.docker.io', 80))
probe('resolve hivemind', lambda: socket.getaddrinfo('hivemind', 80))
probe('ping', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 1).sendto(b'\x08\0\0\0\0\0\0\0', ('1.1.1.1', 0)))
probe('raw ping', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
probe('raw IP', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 255))
probe('raw IPv6', lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58))
probe('packet socket', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x300))
probe('packet socket, cooked', lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0x300))
probe('SCTP', lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132).connect(('1.1.1.1', 80)))
probe('vsock', lambda: socket.socket(40, socket.SOCK_STREAM).connect((2, 1024)))
probe('bluetooth', lambda: socket.socket(31, socket.SOCK_RAW, 1))
probe('CAN', lambda: socket.socket(29, socket.SOCK_RAW, 1))
probe('TIPC', lambda: socket.socket(30, socket.SOCK_RDM))
probe('express data path', lambda: socket.socket(44, socket.SOCK_RAW))
probe('firewall', lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12))
probe('add a route', lambda: route(24, struct.pack('=BBBBBBBBI', 2, 0, 0, 0, 254, 3, 0, 1, 0)))
probe('add an address', lambda: route(20, struct.pack('=BBBBI', 2, 24, 0, 0, 1) + struct.pack('=HH4s', 8, 2, bytes([10, 9, 8, 7]))))
probe('add an interface', lambda: route(16, struct.pack('=BxHiII', 0, 0, 0, 0, 0) + struct.pack('=HH8s', 12, 3, b'evil0')))
probe('raise an interface', lambda: interface(0x8914, 1))
probe('open a tunnel', lambda: os.open('/dev/net/tun', os.O_RDWR))
probe('join a multicast group', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('239.1.1.1') + socket.inet_aton('10.0.0.1')))
probe('bind an address of the host', lambda: socket.socket().bind(('172.17.0.1', 0)))
probe('bind to a device', lambda: socket.socket().setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0'))
holds('only loopback is there', os.listdir('/sys/class/net') in (['lo'], []) or sorted(os.listdir('/sys/class/net')) == ['lo'], os.listdir('/sys/class/net'))
holds('no route', len(open('/proc/net/route').readlines()) <= 1, open('/proc/net/route').read())
holds('no route of IPv6 but loopback', all(l.split()[-1] == 'lo' for l in open('/proc/net/ipv6_route')) if os.path.exists('/proc/net/ipv6_route') else True, 'ipv6')
holds('no neighbours', len(open('/proc/net/arp').readlines()) <= 1, open('/proc/net/arp').read())
holds('no connections of others', len(open('/proc/net/tcp').readlines()) <= 1, open('/proc/net/tcp').read())
holds('no sockets of others', len([l for l in open('/proc/net/unix').readlines()[1:] if len(l.split()) > 7]) == 0, open('/proc/net/unix').read())
holds('no resolver on the network', all(not l.startswith('nameserver') or not tcp_works(l.split()[1]) for l in open('/etc/resolv.conf')) if os.path.exists('/etc/resolv.conf') else True, 'resolver')
print('end')
