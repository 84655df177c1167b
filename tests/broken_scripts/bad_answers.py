from tigrest import Handler


class Broken(Handler):
    regex = "/hello"
    description = {"GET": {"answers": {"202": "Sent"}}}

    def exec_get(self):
        return "hello"
