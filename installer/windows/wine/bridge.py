"""Offers a Unix socket on a loopback port: bridge.py PORT SOCKET. For tests under Wine only."""
import asyncio
import sys


async def pump(source, sink):
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        try:
            if sink.can_write_eof():
                sink.write_eof()
        except OSError:
            sink.close()


async def serve(reader, writer):
    there, back = await asyncio.open_unix_connection(sys.argv[2])
    await asyncio.gather(pump(reader, back), pump(there, writer))
    writer.close()
    back.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    async with server:
        await server.serve_forever()


asyncio.run(main())
