"""Run in the device's place: asks for an address, trusting one authority alone, and prints what came. `visit ADDRESS [FILE]`."""

import json
import ssl
import sys

import httpx


def main(address: str, authority: str | None) -> None:
    context = ssl.create_default_context(cafile=authority) if authority else True
    try:
        with httpx.Client(verify=context, trust_env=False) as client:
            answer = client.get(address)
    except httpx.ConnectError as error:
        print(json.dumps({"refused": str(error)}))
        return
    told = {name: answer.headers.get(name, "") for name in ("content-type", "location", "strict-transport-security")}
    print(json.dumps({"status": answer.status_code, **told, "body": answer.content.hex()}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
