from tigrest import Handler


class Broken(Handler):
    regex = r"/hello/(\d+)"
    description = {"GET": {"example": "/hello/world"}}

    def exec_get(self, number):
        return number
