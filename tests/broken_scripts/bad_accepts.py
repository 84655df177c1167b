from tigrest import Handler


class Broken(Handler):
    regex = "/hello"
    description = {"POST": {"accepts": {"application/json": "an object"}}}

    def exec_post(self, content):
        return content
